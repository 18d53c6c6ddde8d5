/** Random bytes from the system's generator, drawn a page at a time: one call serves many ids and nonces. Every byte is handed out once. */
import { randomFillSync } from 'node:crypto'

const pool = Buffer.alloc(8192)
let used = pool.length

/** Where the next `count` bytes begin. */
const reserve = (count: number): number => {
  if (count > 1024) throw new RangeError('the pool is for ids and nonces')
  if (used + count > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  const start = used
  used += count
  return start
}

/** Byte by byte: for so few that is quicker than views of the pool. */
const move = (into: Uint8Array, start: number): void => {
  for (let i = 0; i < into.length; i++) {
    into[i] = pool[start + i] as number
    pool[start + i] = 0
  }
}

/** A copy of the next `count` bytes; the pool forgets them. At most 1,024. */
export const drawRandom = (count: number): Buffer => {
  const start = reserve(count)
  const taken = Buffer.allocUnsafe(count)
  move(taken, start)
  return taken
}

/** Fills an array, as `crypto.getRandomValues` does. */
export const fillRandom = (into: Uint8Array): Uint8Array => {
  move(into, reserve(into.length))
  return into
}
