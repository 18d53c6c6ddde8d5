import { defineTable } from '@pavan/platform/views/rows.js'

export const claimKey = new Uint8Array(32).fill(3)
export const counters = defineTable<{ count: number }>({ name: 'counters', version: 1, durability: 'full', indexes: {} })
export const streamOf = (id: string) => ({ tenant: 'ten_a', category: 'thing', id })
