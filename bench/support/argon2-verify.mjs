/** The limit of the sign-in benchmarks: nothing but Argon2id verification (19 MiB, t = 2, p = 1), as many at a time as the cores allow. */
import { availableParallelism } from 'node:os'
import { hash, verify } from '@node-rs/argon2'

const password = 'correct horse battery staple'
const known = await hash(password, { memoryCost: 19_456, timeCost: 2, parallelism: 1 })

process.on('message', async ({ milliseconds }) => {
  const started = performance.now()
  let done = 0
  await Promise.all(
    Array.from({ length: availableParallelism() }, async () => {
      while (performance.now() - started < milliseconds) {
        if (!(await verify(known, password))) throw new Error('the right password was not accepted')
        done++
      }
    }),
  )
  process.send({ done, perSecond: done / ((performance.now() - started) / 1000) })
})
process.stdout.write('ready\n')
