import type { LoggerService } from '@nestjs/common'
import type { Log } from './log.js'

/** Sends what Nest says into the log; its start-up chatter goes to `debug`. */
export const nestLog = (log: Log): LoggerService => ({
  log: (message: unknown, context?: unknown) => log.debug({ part: context }, String(message)),
  debug: (message: unknown, context?: unknown) => log.debug({ part: context }, String(message)),
  verbose: (message: unknown, context?: unknown) => log.trace({ part: context }, String(message)),
  warn: (message: unknown, context?: unknown) => log.warn({ part: context }, String(message)),
  error: (message: unknown, ...rest: unknown[]) => log.error({ error: message instanceof Error ? message : undefined, part: rest.at(-1) }, String(message)),
  fatal: (message: unknown, ...rest: unknown[]) => log.fatal({ part: rest.at(-1) }, String(message)),
})
