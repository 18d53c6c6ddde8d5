/**
 * `npm run demo`: a tenant with people, history and policies, and a sample application that signs them in. Uses the system that runs at
 * PAVAN_URL, or starts one. It may be run again: what is there is left alone.
 */
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { ApiError, ManagementApi, type MachineCredentials } from './management-api.js'
import { startOrdersApi } from './orders-api.js'
import { demoPeople } from './people.js'
import { startRelyingParty } from './relying-party.js'

const data = resolve(process.env.PAVAN_DATA ?? './data')
const port = Number(process.env.PAVAN_DEMO_PORT ?? 8090)
const resource = 'https://orders.demo.example'
const password = 'demo passphrase of pavan'
const slug = 'demo'

interface Made {
  readonly tenant: string
  readonly management: MachineCredentials
  readonly web?: { readonly id: string; readonly secret: string }
  readonly machine?: { readonly id: string; readonly secret: string }
  /** Where the sample application listened: the addresses that Pavan may send people back to. */
  readonly port?: number
}

const say = (text: string): void => void process.stdout.write(`${text}\n`)

const giveUp = (error: unknown): never => {
  process.stderr.write(`\nThe demo cannot run: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
}

const answers = async (base: string): Promise<boolean> => {
  try {
    return (await fetch(`${base}/readyz`)).ok
  } catch {
    return false
  }
}

/** The base URL of a system that is ready. */
const findSystem = async (): Promise<string> => {
  const base = process.env.PAVAN_URL ?? `http://localhost:${process.env.PORT ?? 8080}`
  if (await answers(base)) return base
  if (process.env.PAVAN_URL) throw new Error(`Nothing answers at ${base}. Start the system, or leave out PAVAN_URL.`)
  say('No system is running: starting one.')
  const child = spawn(process.execPath, [join(import.meta.dirname, '../../all-in-one/dist/main.js')], {
    env: { ...process.env, LOG_LEVEL: process.env.LOG_LEVEL ?? 'warn' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let ending = false
  // The system ends with the demo, in order, and the demo not before it.
  const end = (): void => {
    ending = true
    child.kill('SIGTERM')
  }
  process.on('SIGINT', end)
  process.on('SIGTERM', end)
  process.on('exit', () => child.kill())
  return new Promise((found) => {
    child.once('exit', (code) => {
      if (ending) process.exit(0)
      giveUp(new Error(`The system ended with ${code ?? 'a signal'}; its own words stand above.`))
    })
    let text = ''
    child.stdout.on('data', (chunk: Buffer) => {
      text = (text + chunk.toString()).slice(-10_000)
      const ready = /Pavan is ready at (\S+)/.exec(text)
      if (ready?.[1]) found(ready[1])
    })
  })
}

const stateFile = join(data, 'demo.json')
const keep = (made: Made): Made => {
  writeFileSync(`${stateFile}.new`, JSON.stringify(made, null, 2), { mode: 0o600 })
  renameSync(`${stateFile}.new`, stateFile)
  return made
}

/** Does something unless it has been done: a refusal of the kind `…-taken` or `…exists` says so. */
const unlessThere = async (run: () => Promise<unknown>): Promise<void> => {
  try {
    await run()
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 409) throw error
  }
}

const makeTenant = async (base: string): Promise<Made> => {
  const operatorFile = process.env.PAVAN_OPERATOR_FILE ?? join(data, 'operator.json')
  if (!existsSync(operatorFile))
    throw new Error(`${operatorFile} is missing: run the demo with the PAVAN_DATA of the system, or name the file in PAVAN_OPERATOR_FILE.`)
  const operator = new ManagementApi(base, JSON.parse(readFileSync(operatorFile, 'utf8')) as MachineCredentials)
  await unlessThere(() => operator.post('/api/v1/admin/tenants', { slug, name: 'Demo' }))
  const { items } = await operator.get<{ items: { id: string; slug: string }[] }>('/api/v1/admin/tenants?limit=200')
  const tenant = items.find((one) => one.slug === slug)?.id
  if (!tenant) throw new Error('The tenant was not found after it was made.')
  const path = `/api/v1/identity/tenants/${tenant}/clients/management/secrets`
  for (let attempt = 0; ; attempt++) {
    try {
      const { secret } = await operator.post<{ secret: string }>(path, {})
      return keep({ tenant, management: { issuer: `${base}/t/${slug}`, clientId: 'management', clientSecret: secret } })
    } catch (error) {
      if (error instanceof ApiError && error.code === 'identity.client-secret.exists')
        throw new Error(`The tenant "${slug}" exists, and ${stateFile} with its secrets is missing. Put that file back, or use another PAVAN_DATA.`)
      // The client comes to identity by an event.
      if (!(error instanceof ApiError) || error.status !== 404 || attempt === 100) throw error
      await new Promise((later) => setTimeout(later, 50))
    }
  }
}

const makeClient = async (api: ManagementApi, application: string, settings: object, key: string) => {
  const { id } = await api.post<{ id: string }>('/api/v1/admin/clients', { application, settings }, `demo-client-${key}`)
  for (let attempt = 0; ; attempt++) {
    try {
      return { id, secret: (await api.post<{ secret: string }>(`/api/v1/identity/clients/${id}/secrets`, {})).secret }
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404 || attempt === 100) throw error
      await new Promise((later) => setTimeout(later, 50))
    }
  }
}

const furnish = async (base: string, found: Made): Promise<Required<Made>> => {
  const api = new ManagementApi(base, found.management)
  for (let attempt = 0; ; attempt++) {
    try {
      await api.get('/api/v1/admin/tenant')
      break
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 403 || attempt === 100) throw error
      await new Promise((later) => setTimeout(later, 50))
    }
  }
  const callback = `http://127.0.0.1:${port}`
  const webSettings = {
    name: 'Orders on the web',
    kind: 'web',
    grantTypes: ['authorization_code', 'refresh_token'],
    redirectUris: [`${callback}/callback`],
    postLogoutRedirectUris: [`${callback}/`],
  }
  let made = found
  if (!made.web || !made.machine) {
    const { id: application } = await api.post<{ id: string }>('/api/v1/admin/applications', { name: 'Orders' }, 'demo-application')
    const web = made.web ?? (await makeClient(api, application, webSettings, 'web'))
    made = keep({ ...made, web, port })
    const machine =
      made.machine ?? (await makeClient(api, application, { name: 'Orders service', kind: 'machine', grantTypes: ['client_credentials'] }, 'machine'))
    made = keep({ ...made, machine })
  }
  if (made.port !== port) {
    await api.put(`/api/v1/admin/clients/${made.web?.id}`, { settings: webSettings })
    made = keep({ ...made, port })
  }
  const { web, machine } = made as Required<Made>
  const privileges = [{ action: 'read' }, { action: 'approve' }]
  await unlessThere(() => api.post('/api/v1/authorization/resources', { key: 'order', name: 'Orders', indicator: resource, privileges }))
  await unlessThere(() =>
    api.post('/api/v1/authorization/policies', {
      key: 'small-orders',
      name: 'Approve small orders',
      rules: [
        { action: 'approve', subject: 'order', conditions: { total: { $lte: 1000 } } },
        { action: 'approve', subject: 'order', inverted: true, conditions: { total: { $gt: 1000 } }, reason: 'Orders above 1,000 need the owner.' },
      ],
    }),
  )
  await unlessThere(() =>
    api.post('/api/v1/authorization/roles', { key: 'clerk', name: 'Clerk', privileges: [{ resource: 'order', action: 'read' }], policies: ['small-orders'] }),
  )
  await unlessThere(() => api.post('/api/v1/authorization/roles', { key: 'visitor', name: 'Visitor' }))
  await api.post('/api/v1/authorization/assignments', { subject: machine.id, role: 'resource-server' })
  await importPeople(api, web.id)
  return { ...made, web, machine, port }
}

const importPeople = async (api: ManagementApi, client: string): Promise<void> => {
  const people = demoPeople(200, Date.now(), [client])
  let imported = 0
  for (let from = 0; from < people.length; from += 20) {
    const users = people.slice(from, from + 20).map((person, index) => {
      const known = from === 0 && index < 2
      return {
        ...person,
        signIns: person.signIns.map(({ at, client: by, outcome }) => ({ at, client: by, outcome })),
        ...(known ? { password, emailVerified: true } : {}),
        roles: [known && index === 1 ? 'visitor' : 'clerk'],
      }
    })
    const { items } = await api.post<{ items: { id?: string }[] }>('/api/v1/identity/imports', { users })
    imported += items.filter(({ id }) => id !== undefined).length
    // On a terminal one line that counts up.
    if (process.stdout.isTTY) process.stdout.write(`\r${from + users.length} of ${people.length} people`)
  }
  if (process.stdout.isTTY) process.stdout.write('\r')
  say(imported === 0 ? 'The people were there already.' : `${imported} people imported, with ninety days of sign-ins.`)
}

const run = async (): Promise<void> => {
  const base = await findSystem()
  const known = existsSync(stateFile) ? (JSON.parse(readFileSync(stateFile, 'utf8')) as Made) : undefined
  const made = await furnish(base, known ?? (await makeTenant(base)))
  const issuer = `${base}/t/${slug}`
  const machine = new ManagementApi(base, { issuer, clientId: made.machine.id, clientSecret: made.machine.secret })
  const orders = await startOrdersApi({
    issuer,
    resource,
    decide: (subject, action, kind, facts) => machine.post('/api/v1/authorization/decisions', { subject, action, resource: kind, facts }),
  })
  const [clerk, visitor] = demoPeople(2, Date.now(), ['x'])
  const people = [
    { email: clerk?.email ?? '', password, role: 'clerk: reads orders, approves small ones' },
    { email: visitor?.email ?? '', password, role: 'visitor: may do nothing' },
  ]
  const application = await startRelyingParty({ issuer, clientId: made.web.id, clientSecret: made.web.secret, port, ordersApi: orders.url, resource, people })
  say(`\nThe demo is ready at ${application.url}\n`)
  for (const { email, role } of people) say(`  ${email}  ${role}`)
  say(`  Both have the password: ${password}`)
  say(`\n  Pavan itself: ${base}   Ctrl-C ends the demo.\n`)
}

run().catch(giveUp)
