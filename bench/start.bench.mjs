// Second start of the system until its first token, and its resident memory when idle.
import { call, median, quick, report, residentMegabytes, say, startPavan, temporaryFolder } from './support/harness.mjs'

const folder = temporaryFolder()
await (await startPavan(folder)).stop()
const seconds = []
const memory = []
for (let index = 0; index < (quick ? 3 : 7); index++) {
  const began = performance.now()
  const pavan = await startPavan(folder)
  const { issuer, clientId, clientSecret } = pavan.operator
  const authorization = `Basic ${Buffer.from(`${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`).toString('base64')}`
  const headers = { authorization, 'content-type': 'application/x-www-form-urlencoded' }
  const { status, text } = await call(`${issuer}/token`.replace(/http:\/\/localhost:\d+/, pavan.base), {
    method: 'POST',
    headers,
    body: 'grant_type=client_credentials',
  })
  if (status !== 200) throw new Error(`no token: ${status} ${text.slice(0, 200)}`)
  seconds.push((performance.now() - began) / 1000)
  await new Promise((resolve) => setTimeout(resolve, 3000))
  memory.push(residentMegabytes(pavan.pid))
  say(`  round ${index + 1}: ${seconds.at(-1).toFixed(2)} s to the first token, ${memory.at(-1).toFixed(0)} MB`)
  await pavan.stop()
}
report('start', { ours: [median(seconds), median(memory)], must: [2.5, 260], aim: [1.8, 180], unit: ['s', 'MB'] })
process.exit(0)
