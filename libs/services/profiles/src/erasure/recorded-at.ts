/** Loaded events carry the time at which they were recorded, milliseconds since 1970; events that are only decided do not yet. */
export const recordedAt = (event: object): number => (event as { readonly at?: number }).at ?? 0
