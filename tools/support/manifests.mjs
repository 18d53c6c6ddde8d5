// What every rendered manifest of the chart must have, beyond what the schemas of Kubernetes ask for.

/** The faults of a list of Kubernetes objects, in words. */
export const checkManifests = (objects) => {
  const faults = []
  const names = (kind) => new Set(objects.filter((one) => one.kind === kind).map((one) => one.metadata.name))
  const deployments = objects.filter((one) => one.kind === 'Deployment')
  const jobs = objects.filter((one) => one.kind === 'Job')
  const policies = names('NetworkPolicy')
  const scaled = new Set([...names('HorizontalPodAutoscaler'), ...names('ScaledObject')])
  if (deployments.length === 0) faults.push('there is no Deployment')
  if (!jobs.some((job) => job.metadata.annotations?.['helm.sh/hook'] === 'pre-install,pre-upgrade')) faults.push('no Job makes the topics before an upgrade')
  for (const one of [...deployments, ...jobs]) {
    const say = (what) => faults.push(`${one.kind} ${one.metadata.name}: ${what}`)
    const pod = one.spec.template.spec
    if (pod.automountServiceAccountToken !== false) say('gets a token of the cluster')
    if (pod.securityContext?.runAsNonRoot !== true || !(pod.securityContext.runAsUser > 0)) say('may run as root')
    if (pod.securityContext?.seccompProfile?.type !== 'RuntimeDefault') say('has no seccomp profile')
    for (const container of pod.containers) {
      const security = container.securityContext ?? {}
      if (security.readOnlyRootFilesystem !== true) say('can write to its image')
      if (security.allowPrivilegeEscalation !== false) say('may gain privileges')
      if (!security.capabilities?.drop?.includes('ALL')) say('keeps capabilities')
      if (!container.resources?.limits?.memory || !container.resources?.requests?.cpu) say('has no memory limit or asks for no processor time')
      const seen = container.env.map(({ name }) => name)
      const twice = seen.filter((name, index) => seen.indexOf(name) !== index)
      if (twice.length > 0) say(`sets ${twice.join()} twice`)
      if (container.env.some(({ name, value }) => /KEK|KEY$|PASSWORD/.test(name) && value)) say('has a secret in its manifest')
      if (/:(latest)?$/.test(container.image)) say('has no version of its image')
    }
  }
  for (const one of deployments) {
    const { name } = one.metadata
    const say = (what) => faults.push(`Deployment ${name}: ${what}`)
    const [container] = one.spec.template.spec.containers
    for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe']) if (!container[probe]?.httpGet) say(`has no ${probe}`)
    if (!names('PodDisruptionBudget').has(name)) say('has no disruption budget')
    if (!names('Service').has(name)) say('has no Service')
    if (policies.size > 0 && !policies.has(name)) say('has no network policy')
    if (one.spec.replicas === undefined && !scaled.has(name)) say('has neither a number of copies nor an autoscaler')
    if (one.spec.replicas !== undefined && scaled.has(name)) say('has a number of copies and an autoscaler, which fight')
    const labels = one.spec.template.metadata.labels
    for (const [key, value] of Object.entries(one.spec.selector.matchLabels)) if (labels[key] !== value) say('does not select its own pods')
  }
  const gateway = deployments.find((one) => one.metadata.labels['app.kubernetes.io/component'] === 'gateway')
  const listed = gateway?.spec.template.spec.containers[0].env.find(({ name }) => name === 'PAVAN_SERVICES')?.value ?? ''
  for (const one of deployments.filter((other) => other !== gateway))
    if (!listed.includes(`${one.metadata.labels['app.kubernetes.io/component']}=http://${one.metadata.name}:8080`))
      faults.push(`the gateway does not know ${one.metadata.name}`)
  return faults
}
