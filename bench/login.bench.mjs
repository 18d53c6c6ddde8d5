// Sign-in with a password over the hosted pages, authorization code and PKCE, against the rate of Argon2id verification alone.
import { compare, quick, report, side, startNode } from './support/harness.mjs'
import { signInSomebody, startWithPeople } from './support/people.mjs'

const count = quick ? 2_000 : 100_000
const concurrency = 8

const argon2 = await startNode('bench/support/argon2-verify.mjs', { ready: /ready/, ipc: true })
const pavan = await startWithPeople(count)
try {
  const result = await compare({
    // At 65 a second V8 compiles for three quarters of a minute: a sign-in costs a tenth less then.
    ours: { ...side(pavan.pid, concurrency, signInSomebody(pavan)), warmup: quick ? 0 : 60_000 },
    limit: { pid: argon2.pid, run: (milliseconds) => argon2.ask({ milliseconds }) },
  })
  report('login', { ...result, must: 0.6, aim: 0.7, people: count })
} finally {
  await Promise.all([argon2.stop(), pavan.stop()])
}
process.exit(0)
