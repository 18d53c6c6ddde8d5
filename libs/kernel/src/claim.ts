/** A value that only one stream of a tenant may hold at a time, such as an e-mail address. */
export interface Claim {
  /** What kind of value it is: `email`, `slug`. */
  readonly name: string
  /** The normalised value. Stores keep only a keyed hash of it. */
  readonly value: string
  /** Unique in the whole installation instead of in the tenant: the slug of a tenant. Looked up under the tenant `everywhere`. */
  readonly everywhere?: true
}

/** Stands for the whole installation where a claim is looked up. Not the id of any tenant. */
export const everywhere = '*'

/** `releaseAll` gives back whatever the stream holds: after an erasure nobody can name the values any more. */
export type ClaimChange = { readonly take: Claim } | { readonly release: Claim } | { readonly releaseAll: true }

export const take = (name: string, value: string): ClaimChange => ({ take: { name, value } })
/** Takes a value that must be unique in the whole installation. */
export const takeEverywhere = (name: string, value: string): ClaimChange => ({ take: { name, value, everywhere: true } })
export const release = (name: string, value: string): ClaimChange => ({ release: { name, value } })
export const releaseAll = (): ClaimChange => ({ releaseAll: true })
