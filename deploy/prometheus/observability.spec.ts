/** Dashboards, alert rules and runbooks agree with each other and with the metrics that exist. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')

/** Metric → kind and labels, as docs/reference/metrics.md has them. */
const reference = new Map(
  [...read('docs/reference/metrics.md').matchAll(/^\| `([a-z_]+)` \| (\w+) \| [^|]* \| ([^|]*) \|/gm)].map(([, name = '', kind = '', labels = '']) => [
    name,
    { kind, labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label as string) },
  ]),
)
/** What Prometheus adds, and what deploy/prometheus/prometheus.yml does. */
const targetLabels = ['job', 'instance', 'app']
const own = new Map([['up', { kind: 'gauge', labels: [] as string[] }]])

const words = new Set(['by', 'without', 'and', 'or', 'unless', 'on', 'ignoring', 'group_left', 'group_right', 'bool', 'offset'])
interface Used {
  readonly name: string
  readonly labels: readonly string[]
}
/** The metrics of an expression with the labels that select or group. */
const usedIn = (expression: string): Used[] => {
  const grouped = [...expression.matchAll(/\b(?:by|without|on|ignoring)\s*\(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(',').map((one) => one.trim()))
  const bare = expression.replaceAll(/\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, ' ').replaceAll(/\[[^\]]*\]/g, ' ')
  return [...bare.matchAll(/\b([a-zA-Z_:][\w:]*)\b(?!\s*\()\s*(\{[^}]*\})?/g)]
    .filter(([, name = ''], index, all) => !words.has(name) && !insideBraces(bare, all[index]?.index ?? 0))
    .map(([, name = '', selector = '']) => ({ name, labels: [...grouped, ...[...selector.matchAll(/(\w+)\s*[=!]/g)].map(([, label]) => label as string)] }))
}
const insideBraces = (text: string, index: number): boolean => text.lastIndexOf('{', index) > text.lastIndexOf('}', index)

const known = (name: string) => {
  const exact = own.get(name) ?? reference.get(name)
  if (exact && exact.kind !== 'histogram') return exact
  const histogram = reference.get(name.replace(/_(bucket|sum|count)$/, ''))
  return histogram?.kind === 'histogram' && /_(bucket|sum|count)$/.test(name) ? { kind: 'part', labels: [...histogram.labels, 'le'] } : undefined
}
/** What is wrong with an expression, in words. */
const faults = (expression: string): string[] =>
  usedIn(expression).flatMap(({ name, labels }) => {
    const metric = known(name)
    if (!metric) return [`there is no metric ${name}`]
    return labels.filter((label) => !metric.labels.includes(label) && !targetLabels.includes(label)).map((label) => `${name} has no label ${label}`)
  })

const dashboards = readdirSync(join(root, 'deploy/grafana/dashboards'))
const queries = dashboards.flatMap((file) =>
  (JSON.parse(read(`deploy/grafana/dashboards/${file}`)).panels as { title: string; targets: { expr: string }[] }[]).flatMap(({ title, targets }) =>
    targets.map(({ expr }) => ({ place: `${file}: ${title}`, expr })),
  ),
)
const rules = read('deploy/prometheus/alerts.yml')
const alerts = [...rules.matchAll(/- alert: (\w+)\n\s+expr: \|\n\s+(.*)\n[^]*?runbook_url: (\S+)\n/g)].map(([, name = '', expr = '', runbook = '']) => ({
  name,
  expr,
  runbook,
}))

test('every query of a dashboard and every alert asks for metrics and labels that exist', () => {
  expect(reference.size).toBeGreaterThan(15)
  expect(queries.length).toBeGreaterThan(25)
  const wrong = [...queries, ...alerts.map(({ name, expr }) => ({ place: name, expr }))].flatMap(({ place, expr }) =>
    faults(expr).map((fault) => `${place}: ${fault}`),
  )
  expect(wrong).toEqual([])
})

test('the check notices what does not exist', () => {
  expect(faults('sum by (service) (rate(pavan_appends_total[5m]))')).toEqual(['there is no metric pavan_appends_total'])
  expect(faults('sum by (tenant) (pavan_relay_lag_events{partition="0"})')).toEqual(['pavan_relay_lag_events has no label tenant'])
  expect(faults('pavan_relay_lag_events{colour=~"red"} > 1 and on (job) up == 0')).toContain('pavan_relay_lag_events has no label colour')
  expect(faults('rate(pavan_append_seconds[5m])')).toEqual(['there is no metric pavan_append_seconds'])
})

test('every metric is on a dashboard', () => {
  const shown = new Set(queries.flatMap(({ expr }) => usedIn(expr).map(({ name }) => name.replace(/_(bucket|sum|count)$/, ''))))
  expect([...reference.keys()].filter((name) => !shown.has(name))).toEqual([])
})

test('every alert has a runbook, every runbook an alert, and each says what, why and what to do', () => {
  expect(alerts.length).toBe([...rules.matchAll(/- alert: /g)].length)
  expect(alerts.map(({ runbook }) => runbook).sort()).toEqual(
    readdirSync(join(root, 'docs/runbooks'))
      .filter((file) => file !== 'README.md')
      .map((file) => `docs/runbooks/${file}`)
      .sort(),
  )
  for (const { name, runbook } of alerts) {
    const kebab = name
      .replace(/^Pavan/, '')
      .replaceAll(/(?<!^)([A-Z])/g, '-$1')
      .toLowerCase()
    expect(runbook).toBe(`docs/runbooks/${kebab}.md`)
    const page = read(runbook)
    expect(page).toContain(`\`${name}\``)
    for (const heading of ['## What it means', '## Find the cause', '## What to do']) expect(page).toContain(heading)
    expect(read('docs/runbooks/README.md')).toContain(`(${kebab}.md)`)
  }
})

test('what a runbook says of metrics and files exists', () => {
  for (const { runbook } of alerts) {
    const page = read(runbook)
    for (const [, name = ''] of page.matchAll(/\b(pavan_[a-z_]+|http_server_[a-z_]+)/g))
      expect([runbook, name, known(name) ?? reference.get(name)]).not.toContain(undefined)
    for (const [, link = ''] of page.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g))
      expect([link, existsSync(join(root, 'docs/runbooks', link))]).toEqual([link, true])
  }
})
