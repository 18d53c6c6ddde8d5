/** What resources, roles and policies have in common: a document under a key, replaced as a whole, deleted, and perhaps defined again. */
import { refuse, type Decider, type DomainEvent } from '@pavan/kernel'

export type DefinitionCommand<D> =
  /** Makes it; refused where another one has the key. */
  | { readonly type: 'create'; readonly definition: D }
  /** Makes it or takes its place. */
  | { readonly type: 'define'; readonly definition: D }
  /** Takes its place if there is one. */
  | { readonly type: 'revise'; readonly definition: D }
  | { readonly type: 'delete' }

export interface DefinitionState<D> {
  /** Absent before the first definition and after a deletion. */
  readonly definition?: D
  /** Milliseconds since 1970 of the first event since it was last absent. */
  readonly createdAt: number
  readonly everDefined: boolean
}

export interface DefinitionKind<D, E extends DomainEvent> {
  /** `role`: stream category and part of the refusal codes. */
  readonly noun: 'resource' | 'role' | 'policy'
  readonly defined: (definition: D) => E
  readonly deleted: (key: string) => E
  /** The definition that an event carries; `undefined` for the deletion. */
  readonly read: (event: E) => D | undefined
}

/** Equal as JSON whatever the order of keys; `undefined` is the same as absent. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  )

export const definitionDecider = <D extends { readonly key: string }, E extends DomainEvent>(
  kind: DefinitionKind<D, E>,
): Decider<DefinitionCommand<D>, E, DefinitionState<D>> => ({
  category: kind.noun,
  initial: { createdAt: 0, everDefined: false },

  decide(command, state) {
    const present = state.definition
    const notFound = () => refuse(`authorization.${kind.noun}.not-found`)
    switch (command.type) {
      case 'create':
        if (!present) return [kind.defined(command.definition)]
        return canonical(present) === canonical(command.definition) ? [] : refuse(`authorization.${kind.noun}.exists`)
      case 'revise':
        if (!present) return notFound()
        return canonical(present) === canonical(command.definition) ? [] : [kind.defined(command.definition)]
      case 'define':
        return present && canonical(present) === canonical(command.definition) ? [] : [kind.defined(command.definition)]
      case 'delete':
        if (present) return [kind.deleted(present.key)]
        return state.everDefined ? [] : notFound()
    }
  },

  evolve(state, event) {
    const definition = kind.read(event)
    const at = (event as { readonly at?: number }).at ?? 0
    if (!definition) return { everDefined: true, createdAt: 0 }
    return { everDefined: true, definition, createdAt: state.definition ? state.createdAt : at }
  },
})
