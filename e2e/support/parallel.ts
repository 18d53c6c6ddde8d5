import { trouble } from './trouble.js'

/** Starts the same thing many times at the same moment. */
export const parallel = <T>(times: number, run: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: times }, (_, index) => run(index)))

/**
 * Polls until the answer is truthy; fails after a time in milliseconds, with what the systems say of themselves.
 * It rests as long as the question took, so that asking does not keep from happening what it waits for.
 */
export const eventually = async <T>(ask: () => Promise<T | undefined | false>, within = 30_000): Promise<T> => {
  const until = Date.now() + within
  for (;;) {
    const asked = Date.now()
    const answer = await ask()
    if (answer) return answer
    if (Date.now() > until) throw new Error(`it did not happen within ${within} ms${await trouble()}`)
    await new Promise((resolve) => setTimeout(resolve, Math.max(10, Date.now() - asked)))
  }
}
