/** Waits for a condition instead of for a time; fails after five seconds. */
export const until = async (condition: () => boolean | Promise<boolean>, what = 'the condition'): Promise<void> => {
  const end = performance.now() + 5_000
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`waited 5 s for ${what}`)
    await new Promise<void>((resolve) => setTimeout(resolve, 1))
  }
}
