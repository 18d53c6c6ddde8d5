import { checkManifests } from './manifests.mjs'

const metadata = (service: string) => ({ name: `pavan-${service}`, labels: { 'app.kubernetes.io/component': service } })
const container = (env: object[] = []) => ({
  image: 'pavan/x:1',
  env,
  securityContext: { readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
  resources: { requests: { cpu: '1' }, limits: { memory: '1Gi' } },
  startupProbe: { httpGet: {} },
  livenessProbe: { httpGet: {} },
  readinessProbe: { httpGet: {} },
})
const pod = (env?: object[]) => ({
  automountServiceAccountToken: false,
  securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
  containers: [container(env)],
})
const service = (name: string, env?: object[]): any[] => [
  {
    kind: 'Deployment',
    metadata: metadata(name),
    spec: { selector: { matchLabels: { a: name } }, template: { metadata: { labels: { a: name } }, spec: pod(env) } },
  },
  ...['Service', 'PodDisruptionBudget', 'NetworkPolicy', 'HorizontalPodAutoscaler'].map((kind) => ({ kind, metadata: metadata(name) })),
]
const job = { kind: 'Job', metadata: { name: 'topics', annotations: { 'helm.sh/hook': 'pre-install,pre-upgrade' } }, spec: { template: { spec: pod() } } }
const directory = [{ name: 'PAVAN_SERVICES', value: 'identity=http://pavan-identity:8080' }]
const good = (): any[] => structuredClone([...service('gateway', directory), ...service('identity'), job])

test('manifests with everything have no fault', () => {
  expect(checkManifests(good())).toEqual([])
})

test.each<[string, (all: any[]) => any, string]>([
  ['an image that can be written', (all) => (all[0].spec.template.spec.containers[0].securityContext.readOnlyRootFilesystem = false), 'can write to its image'],
  ['root', (all) => (all[0].spec.template.spec.securityContext.runAsUser = 0), 'may run as root'],
  ['a missing probe', (all) => delete all[0].spec.template.spec.containers[0].readinessProbe, 'has no readinessProbe'],
  ['a missing memory limit', (all) => delete all[0].spec.template.spec.containers[0].resources.limits, 'has no memory limit'],
  ['a secret', (all) => all[0].spec.template.spec.containers[0].env.push({ name: 'PAVAN_KEK', value: 'x' }), 'has a secret in its manifest'],
  ['a missing budget', (all) => all.splice(2, 1), 'has no disruption budget'],
  ['a missing network policy', (all) => all.splice(3, 1), 'has no network policy'],
  ['a missing autoscaler', (all) => all.splice(4, 1), 'has neither a number of copies nor an autoscaler'],
  ['a number of copies beside an autoscaler', (all) => (all[0].spec.replicas = 2), 'which fight'],
  ['a selector of other pods', (all) => (all[0].spec.template.metadata.labels.a = 'b'), 'does not select its own pods'],
  ['a gateway that does not know a service', (all) => (all[0].spec.template.spec.containers[0].env = []), 'the gateway does not know pavan-identity'],
  ['no migration', (all) => all.pop(), 'no Job makes the topics'],
])('%s is a fault', (_name, spoil, words) => {
  const all = good()
  spoil(all)
  expect(checkManifests(all).join()).toContain(words)
})
