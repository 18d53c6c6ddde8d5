/** A server whose first tenant has a public client and so many people, all with one password. */
import { say, startPavan, temporaryFolder } from './harness.mjs'
import { emailOf, password, seedUsers } from './seed.mjs'
import { freePort, makeClient, operatorOf, signIn } from './shop.mjs'

export const startWithPeople = async (count) => {
  const folder = temporaryFolder()
  const env = { PORT: String(await freePort()) }
  const first = await startPavan(folder, env)
  const operator = await operatorOf(first)
  const client = await makeClient(operator)
  const seeded = { tenant: operator.tenant, client }
  await first.stop()
  const began = performance.now()
  const people = await seedUsers(folder, { tenant: operator.tenant, count })
  const pavan = await startPavan(folder, env)
  say(`  ${count} people are there after ${((performance.now() - began) / 1000).toFixed(1)} s`)
  return { ...pavan, ...seeded, people, folder, env }
}

/** Somebody else each time, spread over all of them. */
export const signInSomebody = (server) => {
  let turn = 0
  return async () => {
    const number = (turn++ * 7919) % server.people.length
    const { subject } = await signIn(server, { client: server.client, email: emailOf(number), password })
    if (subject !== server.people[number]) throw new Error('somebody else was signed in')
  }
}
