/** Runs a command; what prevents it is told in sentences, and the exit code is 1. */
import { StartError } from '@pavan/platform/service/start-error.js'

export const toldInWords = (run: () => Promise<void>) => async (): Promise<void> => {
  try {
    await run()
  } catch (error) {
    console.error(error instanceof StartError ? `${error.message}\n${error.remedy}` : (error as Error).message)
    process.exitCode = 1
  }
}
