/**
 * The log: pino lines with `service`, `trace_id` and `request_id`. JSON in production, one readable line each on a terminal.
 * No bodies, no query strings, no addresses: what may be personal is never handed in, and known names are cut out besides.
 */
import { pino, type DestinationStream, type Logger } from 'pino'
import { tracing } from './tracing.js'

/** Nest token and type of the logger of a service. */
export abstract class Log {
  abstract trace(fields: object, message: string): void
  abstract debug(fields: object, message: string): void
  abstract info(fields: object, message: string): void
  abstract warn(fields: object, message: string): void
  abstract error(fields: object, message: string): void
  abstract fatal(fields: object, message: string): void
  abstract child(bindings: object): Log
}

export const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

const personal = ['password', 'secret', 'token', 'code', 'email', 'name', 'phone', 'address', 'ip', 'authorization', 'cookie', 'personal', 'body', 'query']

export interface LogOptions {
  readonly level?: LogLevel
  /** `readable` writes one line of text for each entry. Default: readable on a terminal, JSON elsewhere. */
  readonly format?: 'json' | 'readable'
  readonly destination?: DestinationStream
}

/** The root log of the process. */
export const makeLog = (options: LogOptions = {}): Log & Pick<Logger, 'flush'> => {
  const format = options.format ?? (process.stdout.isTTY ? 'readable' : 'json')
  const destination = options.destination ?? (format === 'readable' ? readable(process.stdout) : pino.destination({ dest: 1, sync: true }))
  return pino(
    {
      level: options.level ?? 'info',
      base: undefined,
      messageKey: 'message',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
      redact: { paths: personal.flatMap((name) => [name, `*.${name}`]), remove: true },
      serializers: { error: describeError },
      // Whatever is logged inside a span belongs to its trace; a line that names its trace itself keeps it.
      mixin: () => {
        const traceId = tracing.source?.current()?.split('-')[1]
        return traceId === undefined ? {} : { trace_id: traceId }
      },
    },
    destination,
  )
}

/** An error without what it may quote: drivers and parsers put values into their messages only in `cause` and extra fields. */
const describeError = (error: unknown): unknown =>
  error instanceof Error
    ? { type: error.name, message: error.message, stack: error.stack, cause: error.cause instanceof Error ? describeError(error.cause) : undefined }
    : { type: typeof error }

const colours: Record<string, number> = { fatal: 31, error: 31, warn: 33, info: 32, debug: 36, trace: 90 }

/** Turns JSON lines into `12:00:00 info  identity  message  field=value`. */
const readable = (out: NodeJS.WritableStream): DestinationStream => ({
  write(line: string) {
    const { level, time, service, message, error, ...rest } = JSON.parse(line) as Record<string, unknown> & { error?: { stack?: string } }
    const fields = Object.entries(rest).map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    const label = `\u001b[${colours[String(level)] ?? 0}m${String(level).padEnd(5)}\u001b[0m`
    const head = `${String(time).slice(11, 19)} ${label} ${String(service ?? '').padEnd(13)} ${String(message)}`
    out.write(`${head}  \u001b[90m${fields.join(' ')}\u001b[0m\n${error?.stack ? `${error.stack}\n` : ''}`)
  },
})
