/**
 * A sign-in flow is data, and going through it is a pure function: definition, state and input give the next step or an outcome. The same
 * attempt can be replayed against another definition, which is how an edited flow is tried before people meet it.
 */
export type StepKind = 'credentials' | 'register' | 'verify-email' | 'forgot-password' | 'notice' | 'consent'

/** What a step found out: `ok`, or why not. The steps' work (hashes, look-ups, mails) is done outside and comes in as its result. */
export type StepResult = 'ok' | 'wrong' | 'locked' | 'blocked' | 'unverified' | 'invalid' | 'expired' | 'go-credentials' | 'go-register' | 'go-forgot' | 'abort'

export type Outcome = 'signed-in' | 'consented' | 'aborted'

export interface FlowStep {
  readonly kind: StepKind
  /** Result → name of the next step, or `=outcome`. A result that is not named stays at the step. */
  readonly on: Readonly<Partial<Record<StepResult, string>>>
}

export interface FlowDefinition {
  readonly name: string
  readonly version: number
  readonly start: string
  readonly steps: Readonly<Record<string, FlowStep>>
}

export interface FlowState {
  readonly step: string
  /** Why the last input did not lead on; shown to the person. */
  readonly problem?: StepResult
  /** Results so far, oldest first: what a replay is fed with. */
  readonly trail: readonly StepResult[]
}

export type Advance = { readonly next: FlowState } | { readonly outcome: Outcome; readonly trail: readonly StepResult[] }

export const begin = (flow: FlowDefinition, at: string = flow.start): FlowState => ({ step: flow.steps[at] ? at : flow.start, trail: [] })

/** Never throws: a state of another definition begins anew. */
export const advance = (flow: FlowDefinition, state: FlowState, result: StepResult): Advance => {
  const step = flow.steps[state.step]
  if (!step) return { next: begin(flow) }
  const trail = [...state.trail, result]
  const target = step.on[result]
  if (target === undefined) return { next: { step: state.step, problem: result, trail } }
  if (target.startsWith('=')) return { outcome: target.slice(1) as Outcome, trail }
  return { next: { step: target, trail } }
}

/** Feeds the results of an attempt to a definition. */
export const replay = (flow: FlowDefinition, results: readonly StepResult[], at?: string): Advance => {
  let state = begin(flow, at)
  for (const result of results) {
    const advanced = advance(flow, state, result)
    if ('outcome' in advanced) return advanced
    state = advanced.next
  }
  return { next: state }
}

/** What is wrong with a definition: steps that lead nowhere, and steps that nobody reaches. */
export const flawsOf = (flow: FlowDefinition): readonly string[] => {
  const known = Object.keys(flow.steps)
  const targets = known.flatMap((name) => Object.values(flow.steps[name]?.on ?? {}))
  const dangling = targets.filter((target) => !target.startsWith('=') && !known.includes(target)).map((target) => `there is no step ${target}`)
  const reached = new Set([flow.start, ...targets])
  return [
    ...(known.includes(flow.start) ? [] : [`there is no step ${flow.start}`]),
    ...dangling,
    ...known.filter((name) => !reached.has(name)).map((name) => `nothing leads to ${name}`),
  ]
}
