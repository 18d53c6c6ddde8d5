/** Inclusion and consistency proofs: RFC 9162 sections 2.1.3 and 2.1.4, which are those of RFC 6962. Sizes may pass 2^32, so no bit operators. */
import { emptyRoot, nodeHash } from './merkle-hash.js'

/** Root of the complete subtree of the entries from `index` × 2^`level`, 2^`level` of them. */
export type NodeReader = (level: number, index: number) => Promise<Buffer>

const half = (n: number): number => Math.floor(n / 2)

/** Largest power of two below n, for n > 1. */
const split = (n: number): number => {
  let k = 1
  while (k * 2 < n) k *= 2
  return k
}

/** Hash of the entries from `start` up to `end`, as they are in a tree where this range is a subtree. */
const rangeHash = async (read: NodeReader, start: number, end: number): Promise<Buffer> => {
  const size = end - start
  const level = Math.round(Math.log2(size))
  if (2 ** level === size) return read(level, start / size)
  const k = split(size)
  return nodeHash(await rangeHash(read, start, start + k), await rangeHash(read, start + k, end))
}

export const rootOf = (read: NodeReader, size: number): Promise<Buffer> => (size === 0 ? Promise.resolve(emptyRoot()) : rangeHash(read, 0, size))

/** PATH(m, D[n]) of section 2.1.3.1; 0 ≤ index < size. */
export const inclusionProof = async (read: NodeReader, index: number, size: number): Promise<Buffer[]> => {
  const path = async (start: number, end: number): Promise<Buffer[]> => {
    if (end - start === 1) return []
    const middle = start + split(end - start)
    return index < middle
      ? [...(await path(start, middle)), await rangeHash(read, middle, end)]
      : [...(await path(middle, end)), await rangeHash(read, start, middle)]
  }
  return path(0, size)
}

/** PROOF(m, D[n]) of section 2.1.4.1; 0 < first ≤ second. */
export const consistencyProof = async (read: NodeReader, first: number, second: number): Promise<Buffer[]> => {
  /** Entries before `first` within the subtree from `start` to `end`; `whole` says that they began as a tree of their own. */
  const subproof = async (start: number, end: number, whole: boolean): Promise<Buffer[]> => {
    if (first === end) return whole ? [] : [await rangeHash(read, start, end)]
    const middle = start + split(end - start)
    return first <= middle
      ? [...(await subproof(start, middle, whole)), await rangeHash(read, middle, end)]
      : [...(await subproof(middle, end, false)), await rangeHash(read, start, middle)]
  }
  return subproof(0, second, true)
}

/** Section 2.1.3.2. */
export const verifyInclusion = (proof: readonly Buffer[], what: { leaf: Buffer; index: number; size: number; root: Buffer }): boolean => {
  if (what.index >= what.size) return false
  let fn = what.index
  let sn = what.size - 1
  let r = what.leaf
  for (const p of proof) {
    if (sn === 0) return false
    if (fn % 2 === 1 || fn === sn) {
      r = nodeHash(p, r)
      while (fn % 2 === 0 && fn !== 0) {
        fn = half(fn)
        sn = half(sn)
      }
    } else {
      r = nodeHash(r, p)
    }
    fn = half(fn)
    sn = half(sn)
  }
  return sn === 0 && r.equals(what.root)
}

/** Section 2.1.4.2. */
export const verifyConsistency = (given: readonly Buffer[], first: { size: number; root: Buffer }, second: { size: number; root: Buffer }): boolean => {
  if (first.size > second.size) return false
  if (first.size === second.size) return given.length === 0 && first.root.equals(second.root)
  // Every tree continues the empty one.
  if (first.size === 0) return given.length === 0
  const isPowerOfTwo = 2 ** Math.round(Math.log2(first.size)) === first.size
  const proof = isPowerOfTwo ? [first.root, ...given] : given
  const [start, ...rest] = proof
  if (!start) return false
  let fn = first.size - 1
  let sn = second.size - 1
  while (fn % 2 === 1) {
    fn = half(fn)
    sn = half(sn)
  }
  let fr = start
  let sr = start
  for (const c of rest) {
    if (sn === 0) return false
    if (fn % 2 === 1 || fn === sn) {
      fr = nodeHash(c, fr)
      sr = nodeHash(c, sr)
      while (fn % 2 === 0 && fn !== 0) {
        fn = half(fn)
        sn = half(sn)
      }
    } else {
      sr = nodeHash(sr, c)
    }
    fn = half(fn)
    sn = half(sn)
  }
  return sn === 0 && fr.equals(first.root) && sr.equals(second.root)
}
