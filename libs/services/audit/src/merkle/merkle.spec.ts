import { Frontier } from './frontier.js'
import { leafHash, nodeHash } from './merkle-hash.js'
import { consistencyProof, inclusionProof, rootOf, verifyConsistency, verifyInclusion, type NodeReader } from './proofs.js'

/** The entries and roots that implementations of Certificate Transparency test themselves with. */
const entries = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'].map((hex) => Buffer.from(hex, 'hex'))
const roots = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
]

const treeOf = (leaves: readonly Buffer[]): NodeReader => {
  const node = (level: number, index: number): Buffer => {
    const leaf = leaves[index]
    if (level === 0 && leaf) return leaf
    if (level === 0) throw new Error('beyond the tree')
    return nodeHash(node(level - 1, index * 2), node(level - 1, index * 2 + 1))
  }
  return async (level, index) => node(level, index)
}

test('the roots of the known vectors, appended and read', async () => {
  const frontier = new Frontier()
  const leaves = entries.map(leafHash)
  for (let size = 0; size <= entries.length; size++) {
    expect(frontier.root().toString('hex')).toBe(roots[size])
    expect((await rootOf(treeOf(leaves), size)).toString('hex')).toBe(roots[size])
    expect(Frontier.from(frontier.size, frontier.toJSON()).root().toString('hex')).toBe(roots[size])
    if (leaves[size]) frontier.append(leaves[size] as Buffer)
  }
})

test('known proofs', async () => {
  const read = treeOf(entries.map(leafHash))
  const hex = (proof: Buffer[]) => proof.map((hash) => hash.toString('hex'))
  expect(hex(await inclusionProof(read, 0, 1))).toEqual([])
  expect(hex(await inclusionProof(read, 0, 8))).toEqual([
    '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
    '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
    '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
  ])
  expect(hex(await consistencyProof(read, 1, 8))).toHaveLength(3)
  expect(hex(await consistencyProof(read, 8, 8))).toEqual([])
})

test('every proof of every small tree verifies, and no changed one does', async () => {
  const leaves = Array.from({ length: 33 }, (_, i) => leafHash(`entry ${i}`))
  const read = treeOf(leaves)
  const other = leafHash('something else')
  let checked = 0
  for (let size = 1; size <= leaves.length; size++) {
    const root = await rootOf(read, size)
    for (let index = 0; index < size; index++) {
      const proof = await inclusionProof(read, index, size)
      const what = { leaf: leaves[index] as Buffer, index, size, root }
      expect(verifyInclusion(proof, what)).toBe(true)
      expect(verifyInclusion(proof, { ...what, leaf: other })).toBe(false)
      if (size > 1) expect(verifyInclusion(proof, { ...what, index: (index + 1) % size })).toBe(false)
      if (proof.length > 0) expect(verifyInclusion([other, ...proof.slice(1)], what)).toBe(false)
      expect(verifyInclusion([...proof, other], what)).toBe(false)
      checked++
    }
    for (let first = 1; first <= size; first++) {
      const proof = await consistencyProof(read, first, size)
      const before = { size: first, root: await rootOf(read, first) }
      expect(verifyConsistency(proof, before, { size, root })).toBe(true)
      expect(verifyConsistency(proof, { ...before, root: other }, { size, root })).toBe(false)
      expect(verifyConsistency(proof, before, { size, root: other })).toBe(false)
      checked++
    }
  }
  expect(checked).toBe(33 * 34)
})
