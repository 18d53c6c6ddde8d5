/** Compose, chart, scrape configuration and the services of the code name the same processes, and set variables that exist. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')
const matches = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, found = '']) => found).sort()

const services = readdirSync(join(root, 'libs/services')).sort()
const compose = read('docker-compose.yml')
const values = read('deploy/helm/pavan/values.yaml')

test('every service runs in compose and in the chart, is scraped, and is known to the gateway', () => {
  expect(matches(compose, /dockerfile: apps\/([a-z-]+)\/Dockerfile/g)).toEqual([...services, 'cli'].sort())
  expect(matches(values, /^ {2}([a-z-]+):\n {4}replicas:/gm)).toEqual(services)
  const [, scraped = ''] = /- names: \[(.*)\]/.exec(read('deploy/prometheus/prometheus.yml')) ?? []
  expect(scraped.split(', ').sort()).toEqual(services)
  const [, known = ''] = /PAVAN_SERVICES: (\S+)/.exec(compose) ?? []
  expect(matches(known, /([a-z-]+)=http:\/\/\1:8080/g)).toEqual(services.filter((name) => name !== 'gateway'))
})

test('compose and chart set variables that the configuration reference has', () => {
  const reference = new Set(matches(read('docs/reference/config.md'), /^\| `([A-Z_]+)`/gm))
  const chart = readdirSync(join(root, 'deploy/helm/pavan/templates')).map((file) => read(`deploy/helm/pavan/templates/${file}`))
  const own = compose.slice(0, compose.indexOf('\n  mongo:'))
  const set = new Set([...matches(own, /^ {2,6}([A-Z][A-Z_]+): /gm), ...chart.flatMap((text) => matches(text, /- name: ([A-Z][A-Z_]+)$/gm))])
  expect(set.size).toBeGreaterThan(15)
  // Of the OpenTelemetry SDK itself.
  const foreign = new Set(['OTEL_SERVICE_NAME'])
  expect([...set].filter((name) => !reference.has(name) && !foreign.has(name))).toEqual([])
})
