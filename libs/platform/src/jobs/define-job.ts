/** Work that comes round by the clock; of several copies of a service only the holder of the lease does it. */
export interface JobDefinition {
  /** Kebab-case, unique within the service. */
  readonly name: string
  readonly everyMs: number
  /** Nest tokens that `with` gets, in order. */
  readonly inject: readonly unknown[]
  readonly with: (...dependencies: any[]) => () => Promise<unknown>
}

export const defineJob = (job: JobDefinition): JobDefinition => job
