/** What the views of a system show, over every operation that reads, and building them anew. */
import { call } from './http.js'
import { operationsOf } from './openapi.js'
import { eventually } from './parallel.js'
import type { System } from './system.js'

interface Consumer {
  readonly name: string
  readonly view?: string
  readonly building?: boolean
  readonly pending: number
  readonly parked: readonly unknown[]
}

/** Views and reactions of every service. */
export const consumersOf = async (system: System): Promise<(Consumer & { readonly service: string })[]> => {
  const answers = await Promise.all(system.processes.map((process) => call<{ services: { service: string; consumers: Consumer[] }[] }>(`${process}/readyz`)))
  return answers.flatMap(({ json }) => json.services).flatMap(({ service, consumers }) => consumers.map((consumer) => ({ ...consumer, service })))
}

/** Builds every view of every service from the first event, and waits until readers have the new ones. */
export const rebuildViews = async (system: System, token: string): Promise<number> => {
  const before = (await consumersOf(system)).filter(({ view }) => view !== undefined)
  for (const { service, view } of before) {
    const answer = await call(`${system.base}/api/v1/system/${service}/views/${view}/rebuild`, { method: 'POST', token })
    if (answer.status !== 202) throw new Error(`${service}/${view}: ${answer.status} ${answer.text}`)
  }
  const old = new Set(before.map(({ service, name }) => `${service}/${name}`))
  await eventually(async () => {
    const now = (await consumersOf(system)).filter(({ view }) => view !== undefined)
    return now.every(({ service, name, building, pending }) => !building && pending === 0 && !old.has(`${service}/${name}`))
  }, 240_000)
  return before.length
}

/** Nobody has anything to do, and nothing is parked. */
export const idle = (system: System): Promise<boolean> =>
  eventually(async () => (await consumersOf(system)).every(({ pending, parked }) => pending === 0 && parked.length === 0), 30_000)

/**
 * Operation → what it answers, for every operation of the API document that reads. A parameter in the path takes the values that `samples`
 * has for it; operations with others are left out.
 */
export const everythingShown = async (
  system: System,
  token: string,
  samples: Readonly<Record<string, readonly string[]>>,
): Promise<Record<string, unknown>> => {
  const operations = operationsOf((await call(`${system.base}/openapi.json`)).json).filter(
    ({ method, path }) => method === 'GET' && path.startsWith('/api/') && !path.startsWith('/api/v1/system/'),
  )
  const shown: Record<string, unknown> = {}
  const read = async (path: string): Promise<void> => {
    const pages: unknown[] = []
    let cursor: string | undefined
    do {
      const query = cursor === undefined ? '' : `${path.includes('?') ? '&' : '?'}cursor=${encodeURIComponent(cursor)}`
      const { status, text } = await call(`${system.base}${path}${query}`, { token })
      const body = (text.startsWith('{') && !path.includes('/export') ? JSON.parse(text) : text) as { next?: string; items?: unknown[] }
      // A refusal carries ids of its own.
      pages.push(status, status === 200 ? (body.items ?? body) : (body as { code?: string }).code)
      cursor = body.next
    } while (cursor !== undefined)
    shown[path] = pages
  }
  for (const { path, parameters, query } of operations) {
    const [name] = parameters
    if (parameters.length > 1 || (name !== undefined && !samples[name])) continue
    const paths = name === undefined ? [path] : (samples[name] as readonly string[]).map((value) => path.replace(`{${name}}`, encodeURIComponent(value)))
    for (const one of paths)
      if (query.includes('metric')) for (const metric of samples.metric ?? []) await read(`${one}?metric=${metric}`)
      else await read(one)
  }
  return shown
}
