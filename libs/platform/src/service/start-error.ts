/** A reason why the system cannot start, told to whoever started it: what is wrong, and what to do about it. */
export class StartError extends Error {
  constructor(
    /** One sentence without a stack or an error number. */
    message: string,
    /** One sentence that begins with a verb. */
    readonly remedy: string,
    options?: ErrorOptions,
  ) {
    super(message, options)
    this.name = 'StartError'
  }
}
