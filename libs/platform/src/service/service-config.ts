import { z } from 'zod'
import type { Environment } from './environment.js'
import { StartError } from './start-error.js'

/** Reads the variables that a schema names; a wrong one is told with its name, never with its value. */
export const readConfig = <T extends z.ZodObject>(schema: T, env: Environment['env']): z.output<T> => {
  const given = Object.fromEntries(
    Object.keys(schema.shape)
      .filter((name) => env[name] !== undefined && env[name] !== '')
      .map((name) => [name, env[name]]),
  )
  const result = schema.safeParse(given)
  if (result.success) return result.data
  const issue = result.error.issues[0] as z.core.$ZodIssue
  const name = String(issue.path[0] ?? 'The configuration')
  throw new StartError(`${name} is not usable: ${issue.message}.`, `Correct the environment variable ${name} and start again.`)
}
