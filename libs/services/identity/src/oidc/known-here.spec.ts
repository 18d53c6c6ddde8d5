import { KnownHere } from './known-here.js'

const counted = (values: (string | undefined)[]) => {
  const look = async () => {
    looks++
    return values.shift()
  }
  let looks = 0
  return { look, looks: () => looks }
}

describe('what is known here', () => {
  it('is looked up once until it changes', async () => {
    const known = new KnownHere<string>(10, false)
    const { look, looks } = counted(['active', 'blocked'])
    expect([await known.of('a', look), await known.of('a', look)]).toEqual(['active', 'active'])
    known.changed('a')
    expect(await known.of('a', look)).toBe('blocked')
    expect(looks()).toBe(2)
  })

  it('is not what a look-up found that a change has overtaken', async () => {
    const known = new KnownHere<string>(10, false)
    let answer: (value: string) => void = () => {}
    const slow = known.of('a', () => new Promise((resolve) => (answer = resolve)))
    known.changed('a')
    answer('active')
    expect(await slow).toBe('active')
    expect(await known.of('a', async () => 'blocked')).toBe('blocked')
  })

  it('is what another look-up showed, unless a change has overtaken it', async () => {
    const known = new KnownHere<string>(10, false)
    const [early, late] = [known.watch(), known.watch()]
    early('a', 'active')
    expect(await known.of('a', async () => 'never looked up')).toBe('active')
    known.changed('a')
    late('a', 'active')
    expect(await known.of('a', async () => 'blocked')).toBe('blocked')
  })

  it('is nothing where others may change it, and never an absence', async () => {
    const shared = new KnownHere<string>(10, true)
    const others = counted(['active', 'blocked'])
    expect([await shared.of('a', others.look), await shared.of('a', others.look)]).toEqual(['active', 'blocked'])
    const own = new KnownHere<string>(10, false)
    const later = counted([undefined, 'active'])
    expect([await own.of('a', later.look), await own.of('a', later.look)]).toEqual([undefined, 'active'])
  })
})
