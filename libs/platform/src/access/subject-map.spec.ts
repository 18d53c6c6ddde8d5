import { SubjectMap } from './subject-map.js'

describe('the map of subjects', () => {
  it('keeps tenants with equal subjects apart', () => {
    const map = new SubjectMap<number>(10)
    map.set('ten_a', 'usr_1', 1)
    map.set('ten_b', 'usr_1', 2)
    map.delete('ten_a', 'usr_1')
    expect([map.of('ten_a')?.get('usr_1'), map.of('ten_b')?.get('usr_1'), map.size]).toEqual([undefined, 2, 1])
  })

  it('forgets the oldest tenth when it is full, over all tenants, and counts what is replaced once', () => {
    const map = new SubjectMap<number>(20)
    map.set('ten_a', 'usr_0', 0)
    map.set('ten_a', 'usr_0', 1)
    for (let i = 1; i < 20; i++) map.set('ten_b', `usr_${i}`, i)
    expect(map.size).toBe(20)
    map.set('ten_b', 'usr_19', 19)
    expect(map.size).toBe(20)
    map.set('ten_c', 'usr_20', 20)
    expect(map.size).toBe(19)
    expect([map.of('ten_a'), map.of('ten_b')?.has('usr_1'), map.of('ten_b')?.has('usr_2')]).toEqual([undefined, false, true])
    expect(map.of('ten_c')?.get('usr_20')).toBe(20)
  })
})
