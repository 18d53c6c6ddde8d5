/**
 * Fills a data folder before the server starts: the product's own aggregates, key ring and rows over its own files, without HTTP.
 * The server then finds events that it has not published yet, and builds its views from them as after a crash.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { hash } from '@node-rs/argon2'
import { SystemClock } from '../../libs/kernel/dist/clock.js'
import { isRefusal } from '../../libs/kernel/dist/refusal.js'
import { sqliteAdapters } from '../../libs/adapters/sqlite/dist/sqlite-adapters.js'
import { Aggregates } from '../../libs/platform/dist/events/aggregates.js'
import { EventCipher } from '../../libs/platform/dist/privacy/event-cipher.js'
import { LocalKeyEncryptionKey } from '../../libs/platform/dist/privacy/kek.js'
import { KeyRing } from '../../libs/platform/dist/privacy/key-ring.js'
import { Ids } from '../../libs/platform/dist/service/ids.js'
import { policyDeleted, policySet, roleAssigned, roleDefined, roleDeleted, roleUnassigned, userRegistered } from '../../libs/contracts/dist/index.js'
import { user } from '../../libs/services/identity/dist/user/user.decider.js'
import { artifactKey, makeRefreshToken, familyOf } from '../../libs/services/identity/dist/oidc/artifact-adapters.js'
import { artifacts, fingerprint } from '../../libs/services/identity/dist/oidc/oidc-tables.js'
import { put } from '../../libs/platform/dist/views/changes.js'
import { policy, role } from '../../libs/services/authorization/dist/definition/definitions.js'
import { assignment } from '../../libs/services/authorization/dist/assignment/assignment.decider.js'

const meta = { actor: { type: 'system', id: 'bench' } }
const writers = 500

/** Runs `work(index)` for 0 to count − 1, many at a time. */
const each = async (count, work) => {
  let next = 0
  await Promise.all(
    Array.from({ length: Math.min(writers, count) }, async () => {
      while (next < count) await work(next++)
    }),
  )
}

const done = (handled) => {
  if (isRefusal(handled)) throw new Error(`seeding was refused: ${handled.code}`)
}

/** The folder must have been used by a server, which has stopped. Only one process may have it open. */
export const openFolder = async (folder) => {
  const clock = new SystemClock()
  const keyIn = (name) => new Uint8Array(Buffer.from(readFileSync(join(folder, name), 'utf8'), 'base64'))
  const adapters = sqliteAdapters({ folder, clock, claimKey: () => keyIn('claim.key') })
  const kek = new LocalKeyEncryptionKey(keyIn('kek.key'))
  const ids = new Ids(clock)
  const service = async (name) => {
    const ports = await adapters.portsFor(name)
    return { rows: ports.rows, aggregates: new Aggregates(name, ports.store, new EventCipher(new KeyRing(ports.keys, kek)), clock, ids) }
  }
  // The writer thread keeps no process alive that waits for its end.
  const alive = setInterval(() => {}, 1000)
  return { ids, service, close: () => adapters.close().finally(() => clearInterval(alive)) }
}

export const password = 'correct horse battery staple'
export const emailOf = (number) => `person-${number}@example.org`

/** People in a folder. Answers their ids. */
export const seedUsers = async (folder, given) => {
  const opened = await openFolder(folder)
  const made = await peopleFor(opened, given)
  await opened.close()
  return made
}

/** People with one password (Argon2id, 19 MiB, t = 2, p = 1), in whatever was opened. Answers their ids. */
export const peopleFor = async (opened, { tenant, count, from = 0 }) => {
  const passwordHash = await hash(password, { memoryCost: 19_456, timeCost: 2, parallelism: 1 })
  const { aggregates } = await opened.service('identity')
  const users = aggregates.of(user, { events: [userRegistered] })
  const made = []
  await each(count, async (index) => {
    const id = opened.ids.make('user')
    const email = emailOf(from + index)
    const command = { type: 'register', method: 'import', email, name: `Person ${from + index}`, emailVerified: true, passwordHash, roles: [] }
    done(await users.handle({ tenant, id, meta, subject: id }, command))
    made[index] = id
  })
  return made
}

/** Every row of a kind that a person's sign-in left. */
const rowsOf = async (rows, tenant, person, model) => {
  const { items } = await rows.find(artifacts, { index: 'byUser', where: { tenant, user: person }, limit: 1000 })
  return items.filter((row) => row.model === model)
}

/**
 * A live grant with a refresh token for each person, as copies of what a real sign-in of `pattern` left there. Answers the tokens.
 * Rows are the provider's state, not history: they are written as the adapter of oidc-provider writes them.
 */
export const seedGrants = async (folder, { tenant, pattern, people, count }) => {
  const opened = await openFolder(folder)
  const { rows } = await opened.service('identity')
  await rows.open([artifacts])
  const [grant] = await rowsOf(rows, tenant, pattern, 'Grant')
  const [token] = await rowsOf(rows, tenant, pattern, 'RefreshToken')
  if (!grant || !token) throw new Error('the sign-in left no grant with a refresh token')
  const tokens = []
  const perCommit = 1000
  for (let first = 0; first < count; first += perCommit) {
    const changes = []
    for (let index = first; index < Math.min(count, first + perCommit); index++) {
      const person = people[index % people.length]
      const [grantId, session] = [makeRefreshToken(), makeRefreshToken()].map((text) => text.slice(0, 43))
      const value = makeRefreshToken()
      const own = (row) => ({ ...row, user: person, session, payload: { ...row.payload, accountId: person, sessionUid: session } })
      changes.push(
        put(artifacts, artifactKey(tenant, 'Grant', grantId), { ...own(grant), session: grant.session, payload: { ...grant.payload, accountId: person } }),
      )
      const copy = own(token)
      changes.push(
        put(artifacts, artifactKey(tenant, 'RefreshToken', familyOf(value)), {
          ...copy,
          grant: grantId,
          current: fingerprint(value),
          payload: { ...copy.payload, grantId },
        }),
      )
      tokens.push(value)
    }
    await rows.apply(changes)
  }
  await opened.close()
  return tokens
}

/** Roles with a policy each, and subjects with a role each. */
export const seedAccess = async (folder, { tenant, definitions, subjects }) => {
  const opened = await openFolder(folder)
  const { aggregates } = await opened.service('authorization')
  const roles = aggregates.of(role, { events: [roleDefined, roleDeleted] })
  const policies = aggregates.of(policy, { events: [policySet, policyDeleted] })
  const assignments = aggregates.of(assignment, { events: [roleAssigned, roleUnassigned] })
  await each(definitions.length, async (index) => {
    const one = definitions[index]
    done(await policies.handle({ tenant, id: one.policy.key, meta }, { type: 'create', definition: one.policy }))
    done(await roles.handle({ tenant, id: one.role.key, meta }, { type: 'create', definition: one.role }))
  })
  await each(subjects.length, async (index) => {
    const { id, role: held } = subjects[index]
    done(await assignments.handle({ tenant, id, meta }, { type: 'assign', assignee: id, grants: [{ role: held }] }))
  })
  await opened.close()
}
