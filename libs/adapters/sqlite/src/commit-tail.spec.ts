import { CommitTail } from './commit-tail.js'

const row = (seq: number) => ({ seq, stream: `ten_a/note/${seq}`, version: 1, events: '[]' })
const seqs = (tail: CommitTail, after: number) => tail.after(after)?.map(({ seq }) => seq)

describe('the tail of a store', () => {
  it('knows nothing before the first commit', () => {
    expect(new CommitTail().after(0)).toBeUndefined()
    expect(new CommitTail().last).toBeUndefined()
  })

  it('answers what follows a position, and sends to the file whoever asks for more than it has', () => {
    const tail = new CommitTail()
    tail.remember(row(12), 2)
    tail.remember(row(13), 1)
    tail.remember(row(16), 3)
    expect(seqs(tail, 9)).toBeUndefined()
    expect(seqs(tail, 10)).toEqual([12, 13, 16])
    // In the middle of a commit of several events.
    expect(seqs(tail, 11)).toEqual([12, 13, 16])
    expect(seqs(tail, 13)).toEqual([16])
    expect(seqs(tail, 16)).toEqual([])
  })

  it('starts over after a gap', () => {
    const tail = new CommitTail()
    tail.remember(row(1), 1)
    tail.remember(row(5), 1)
    expect(seqs(tail, 1)).toBeUndefined()
    expect(seqs(tail, 4)).toEqual([5])
  })

  it('forgets the oldest, and still has no gap', () => {
    const tail = new CommitTail()
    for (let seq = 1; seq <= 501; seq++) tail.remember(row(seq), 1)
    expect(seqs(tail, 250)).toBeUndefined()
    expect(seqs(tail, 252)?.[0]).toBe(253)
    expect(seqs(tail, 252)).toHaveLength(249)
    expect(tail.last).toBe(501)
  })
})
