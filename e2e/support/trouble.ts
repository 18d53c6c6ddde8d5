/** What running systems say of themselves when a spec has waited in vain: what is behind, what failed, and their last warnings. */
export interface Watched {
  readonly processes: readonly string[]
  readonly output: string
}

interface Lag {
  readonly events: number
  readonly seconds: number
}
interface Health {
  readonly missing: readonly string[]
  readonly services: readonly {
    readonly service: string
    readonly relay?: Lag & { readonly lastError?: string }
    readonly consumers: readonly {
      readonly name: string
      readonly lag?: Lag
      readonly pending: number
      readonly parked: readonly object[]
      readonly lastError?: string
    }[]
  }[]
}

/** Systems that are not disposed of. */
export const watched = new Set<Watched>()

const warnings = 20

/** A line for each service with something that is not as it should be. */
const behind = ({ missing, services }: Health): string[] => [
  ...missing.map((name) => `${name} is not ready`),
  ...services.flatMap(({ service, relay, consumers }) => [
    ...(relay && (relay.events > 0 || relay.lastError) ? [`${service}: relay ${JSON.stringify(relay)}`] : []),
    ...consumers
      .filter(({ lag, pending, parked, lastError }) => pending > 0 || parked.length > 0 || lastError !== undefined || (lag?.events ?? 0) > 0)
      .map(({ name, lag, pending, parked, lastError }) => `${service}: ${JSON.stringify({ name, lag, pending, parked: parked.length, lastError })}`),
  ]),
]

const health = async (url: string): Promise<string[]> => {
  try {
    const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(3_000) })
    return behind((await answer.json()) as Health).map((line) => `${url} ${line}`)
  } catch (error) {
    return [`${url} does not answer: ${(error as Error).name}`]
  }
}

const isWarning = (line: string): boolean => /"level":"(warn|error|fatal)"| (WARN|ERROR|FATAL) /.test(line)

/** Nothing where nothing runs. */
export const trouble = async (): Promise<string> => {
  const systems = await Promise.all(
    [...watched].map(async (system) => {
      const state = (await Promise.all(system.processes.map(health))).flat()
      const said = system.output.split('\n').filter(isWarning).slice(-warnings)
      return ['', ...(state.length > 0 ? state : ['nothing is behind']), ...said].join('\n  ')
    }),
  )
  return systems.join('')
}
