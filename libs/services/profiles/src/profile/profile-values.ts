/** Attribute → value. */
export type ProfileValues = Readonly<Record<string, unknown>>

/** Values after a change, where `null` removes one; the same for the aggregate and for the view. */
export const mergeValues = (before: ProfileValues, change: ProfileValues): ProfileValues =>
  Object.fromEntries(Object.entries({ ...before, ...change }).filter(([, value]) => value !== null))
