/** What changed between two settings documents, leaf by leaf. */
import type { TenantSettings } from '@pavan/contracts'

export interface SettingsDifference {
  /** JSON pointer (RFC 6901). Keys of the document need no escaping. */
  readonly pointer: string
  readonly from?: unknown
  readonly to?: unknown
}

const leaves = (value: unknown, pointer = ''): [string, unknown][] =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.entries(value).flatMap(([key, inner]) => leaves(inner, `${pointer}/${key}`))
    : [[pointer, value]]

/** Arrays are compared as a whole: the order of offered languages means something. */
export const settingsDiff = (before: TenantSettings, after: TenantSettings): SettingsDifference[] => {
  const was = new Map(leaves(before))
  const is = new Map(leaves(after))
  return [...new Set([...was.keys(), ...is.keys()])]
    .filter((pointer) => JSON.stringify(was.get(pointer)) !== JSON.stringify(is.get(pointer)))
    .map((pointer) => ({ pointer, from: was.get(pointer), to: is.get(pointer) }))
}
