import { z } from 'zod'
import type { Environment } from './environment.js'
import { StartError } from './start-error.js'

/** Reads the variables that a schema names; each wrong one is told in a sentence with its name, never with its value. */
export const readConfig = <T extends z.ZodObject>(schema: T, env: Environment['env']): z.output<T> => {
  const given = Object.fromEntries(
    Object.keys(schema.shape)
      .filter((name) => env[name] !== undefined && env[name] !== '')
      .map((name) => [name, env[name]]),
  )
  const result = schema.safeParse(given)
  if (result.success) return result.data
  const reasons = new Map<string, string>()
  for (const { path, message } of result.error.issues) {
    const name = String(path[0] ?? 'The configuration')
    if (!reasons.has(name)) reasons.set(name, name in given ? `${name} is not usable: ${message}.` : `${name} is not set.`)
  }
  const names = [...reasons.keys()]
  throw new StartError(
    [...reasons.values()].join('\n'),
    `${names.every((name) => !(name in given)) ? 'Set' : 'Correct'} the environment variable${names.length > 1 ? 's' : ''} ${names.join(', ')} and start again.`,
  )
}
