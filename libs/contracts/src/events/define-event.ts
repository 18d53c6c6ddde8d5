import { z } from 'zod'

type Shape = z.ZodObject
type Part<S> = S extends z.ZodType ? z.output<S> : undefined

/** One event type: its name, the version of its schema, and what its three parts may hold. */
export interface EventType<
  T extends string = string,
  D extends Shape = Shape,
  P extends Shape | undefined = Shape | undefined,
  K extends Shape | undefined = Shape | undefined,
> {
  readonly type: T
  readonly schema: number
  /** One sentence for the event reference. */
  readonly summary: string
  readonly data: D
  readonly personal: P
  readonly secret: K
  /** It is only recorded and counted: nobody waits for what follows from it, so it may travel a moment later, together with others. */
  readonly unhurried: boolean
  /** Makes an event, checked by the compiler; the store checks it again by schema. */
  readonly of: (
    parts: { data: z.input<D> } & (P extends Shape ? { personal: z.input<P> } : object) & (K extends Shape ? { secret: z.input<K> } : object),
  ) => EventOf<EventType<T, D, P, K>>
}

/** The event that an `EventType` describes. */
export type EventOf<X> =
  X extends EventType<infer T, infer D, infer P, infer K>
    ? { readonly type: T; readonly data: Part<D> } & (P extends Shape ? { readonly personal?: Part<P> } : object) &
        (K extends Shape ? { readonly secret?: Part<K> } : object)
    : never

/**
 * Declares an event. `data` is open to the bus, `personal` is encrypted under the subject's key,
 * `secret` is encrypted and never leaves the service that wrote it.
 */
export const defineEvent = <const T extends string, D extends Shape, P extends Shape | undefined = undefined, K extends Shape | undefined = undefined>(
  type: T,
  summary: string,
  parts: { data: D; personal?: P; secret?: K; schema?: number; unhurried?: boolean },
): EventType<T, D, P, K> => ({
  type,
  schema: parts.schema ?? 1,
  summary,
  data: parts.data,
  personal: parts.personal as P,
  secret: parts.secret as K,
  unhurried: parts.unhurried ?? false,
  of: (given) => ({ type, ...given }) as never,
})

export type AnyEventType = EventType<string, Shape, Shape | undefined, Shape | undefined>
