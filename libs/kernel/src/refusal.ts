/** A command that conflicts with a rule. Returned, not thrown: only accidents are thrown. */
export interface Refusal {
  readonly refused: true
  /** `service.noun.reason`, from the closed list of the service. */
  readonly code: string
  /** Values for the text of the problem. Never personal. */
  readonly params: Readonly<Record<string, string | number>>
}

export const refuse = (code: string, params: Readonly<Record<string, string | number>> = {}): Refusal => ({
  refused: true,
  code,
  params,
})

export const isRefusal = (value: unknown): value is Refusal => typeof value === 'object' && value !== null && (value as { refused?: unknown }).refused === true

/** Carries a refusal through code that can only throw, such as an HTTP guard. */
export class RefusalError extends Error {
  readonly code: string
  readonly params: Readonly<Record<string, string | number>>

  constructor(code: string, params: Readonly<Record<string, string | number>> = {}) {
    super(code)
    this.name = 'RefusalError'
    this.code = code
    this.params = params
  }

  static from(refusal: Refusal): RefusalError {
    return new RefusalError(refusal.code, refusal.params)
  }
}

/** The value, or its refusal thrown. */
export const orThrow = <T>(value: T | Refusal): T => {
  if (isRefusal(value)) throw RefusalError.from(value)
  return value
}
