/** What every store of subject keys must do. */
import type { SubjectKeyStore, WrappedKey } from '../privacy/subject-key-store.js'

export interface SubjectKeyStoreUnderTest {
  readonly keys: SubjectKeyStore
  close(): Promise<void>
}

const key = (subject: string, byte: number, more: Partial<WrappedKey> = {}): WrappedKey => ({
  tenant: 'ten_a',
  subject,
  wrapped: new Uint8Array(40).fill(byte),
  kek: 'kek_1',
  ...more,
})
const present = (of: WrappedKey) => ({ state: 'present', key: { ...of, wrapped: Uint8Array.from(of.wrapped) } })
const plain = async (state: Promise<unknown>): Promise<unknown> => {
  const answer = (await state) as { key?: WrappedKey }
  return answer.key ? { ...answer, key: { ...answer.key, wrapped: Uint8Array.from(answer.key.wrapped) } } : answer
}

export const subjectKeyStoreContract = (create: () => Promise<SubjectKeyStoreUnderTest>): void => {
  let under: SubjectKeyStoreUnderTest
  let keys: SubjectKeyStore
  beforeEach(async () => {
    under = await create()
    keys = under.keys
  })
  afterEach(() => under.close())

  test('a subject without a key is unknown', async () => {
    expect(await keys.get('ten_a', 'usr_1')).toEqual({ state: 'unknown' })
  })

  test('the first key stays; a later one is answered with the first', async () => {
    expect(await plain(keys.insert(key('usr_1', 1)))).toEqual(present(key('usr_1', 1)))
    expect(await plain(keys.insert(key('usr_1', 2)))).toEqual(present(key('usr_1', 1)))
    expect(await plain(keys.get('ten_a', 'usr_1'))).toEqual(present(key('usr_1', 1)))
  })

  test('of 64 parallel inserts one wins and all get its key', async () => {
    const answers = await Promise.all(Array.from({ length: 64 }, (_, i) => plain(keys.insert(key('usr_1', i)))))
    for (const answer of answers) expect(answer).toEqual(await plain(keys.get('ten_a', 'usr_1')))
  })

  test('a destroyed key is gone for ever: no insert, no rewrap brings one back', async () => {
    await keys.insert(key('usr_1', 1))
    await keys.destroy('ten_a', 'usr_1')
    await keys.destroy('ten_a', 'usr_1')
    expect(await keys.get('ten_a', 'usr_1')).toEqual({ state: 'destroyed' })
    expect(await keys.insert(key('usr_1', 2))).toEqual({ state: 'destroyed' })
    expect(await keys.rewrap(key('usr_1', 1), key('usr_1', 3, { kek: 'kek_2' }))).toBe(false)
    expect(await keys.get('ten_a', 'usr_1')).toEqual({ state: 'destroyed' })
  })

  test('a subject that is destroyed before it has a key never gets one', async () => {
    await keys.destroy('ten_a', 'usr_1')
    expect(await keys.insert(key('usr_1', 1))).toEqual({ state: 'destroyed' })
  })

  test('20 subjects destroyed in parallel are all gone, and nobody else', async () => {
    await Promise.all(Array.from({ length: 40 }, (_, i) => keys.insert(key(`usr_${i}`, i))))
    await Promise.all(Array.from({ length: 20 }, (_, i) => keys.destroy('ten_a', `usr_${i}`)))
    for (let i = 0; i < 40; i++) expect((await keys.get('ten_a', `usr_${i}`)).state).toBe(i < 20 ? 'destroyed' : 'present')
  })

  test('equal subjects of two tenants have keys of their own', async () => {
    await keys.insert(key('usr_1', 1))
    await keys.insert(key('usr_1', 2, { tenant: 'ten_b' }))
    await keys.destroy('ten_a', 'usr_1')
    expect(await plain(keys.get('ten_b', 'usr_1'))).toEqual(present(key('usr_1', 2, { tenant: 'ten_b' })))
    expect(await keys.get('ten_a/usr_1', '')).toEqual({ state: 'unknown' })
  })

  test('keys under another key-encryption key are listed; destroyed ones are not', async () => {
    for (let i = 0; i < 5; i++) await keys.insert(key(`usr_${i}`, i, { kek: i < 4 ? 'kek_1' : 'kek_2' }))
    await keys.destroy('ten_a', 'usr_0')
    expect((await keys.outdated('kek_2', 10)).map(({ subject }) => subject).toSorted()).toEqual(['usr_1', 'usr_2', 'usr_3'])
    expect(await keys.outdated('kek_2', 2)).toHaveLength(2)
    expect((await keys.outdated('kek_1', 10)).map(({ subject, kek }) => [subject, kek])).toEqual([['usr_4', 'kek_2']])
  })

  test('a key is wrapped anew only if it still is the one given', async () => {
    await keys.insert(key('usr_1', 1))
    const after = key('usr_1', 9, { kek: 'kek_2' })
    expect(await keys.rewrap(key('usr_1', 2), after)).toBe(false)
    const raced = await Promise.all(Array.from({ length: 20 }, (_, i) => keys.rewrap(key('usr_1', 1), key('usr_1', 10 + i, { kek: 'kek_2' }))))
    expect(raced.filter(Boolean)).toHaveLength(1)
    expect(await keys.outdated('kek_2', 10)).toEqual([])
  })

  test('names such as __proto__ are names', async () => {
    expect(await keys.get('__proto__', 'constructor')).toEqual({ state: 'unknown' })
    await keys.insert(key('constructor', 1, { tenant: '__proto__' }))
    expect((await keys.get('__proto__', 'constructor')).state).toBe('present')
  })
}
