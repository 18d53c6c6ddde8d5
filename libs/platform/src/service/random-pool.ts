/** Random bytes from the system's generator, drawn a page at a time: one call serves many ids and nonces. Every byte is handed out once. */
import { randomFillSync } from 'node:crypto'

const pool = Buffer.alloc(8192)
let used = pool.length

/** A copy of the next `count` bytes; the pool forgets them. At most 1,024. */
export const drawRandom = (count: number): Buffer => {
  if (count > 1024) throw new RangeError('the pool is for ids and nonces')
  if (used + count > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  const taken = Buffer.from(pool.subarray(used, used + count))
  pool.fill(0, used, used + count)
  used += count
  return taken
}

/** Fills an array, as `crypto.getRandomValues` does. */
export const fillRandom = (into: Uint8Array): Uint8Array => {
  into.set(drawRandom(into.length))
  return into
}
