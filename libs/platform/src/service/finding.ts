/** What a look at the surroundings found: told by `pavan doctor`, and an error prevents the start. */
export interface Finding {
  readonly level: 'ok' | 'warning' | 'error'
  /** One sentence without a stack or an error number. */
  readonly sentence: string
  /** One sentence that begins with a verb; absent where nothing is wrong. */
  readonly remedy?: string
}
