/** Two hundred invented people and what they did in ninety days. The same seed gives the same people. */
export interface DemoPerson {
  readonly email: string
  readonly name: string
  readonly createdAt: number
  readonly emailVerified: boolean
  readonly signIns: readonly { readonly at: number; readonly client: string; readonly outcome: 'succeeded' | 'wrong-password' }[]
}

const first = [
  'Ada',
  'Bilal',
  'Chiara',
  'Dmitri',
  'Elif',
  'Farah',
  'Goran',
  'Hana',
  'Idris',
  'Jana',
  'Kofi',
  'Leila',
  'Mateo',
  'Nadia',
  'Omar',
  'Priya',
  'Quentin',
  'Rosa',
  'Sami',
  'Tariq',
]
const last = ['Abadi', 'Berg', 'Castro', 'Dahl', 'Ekwueme', 'Fischer', 'Greco', 'Haddad', 'Ivanov', 'Jansen']
const day = 86_400_000

/** Mulberry32, a small generator for test data (public domain, Tommy Ettinger). */
const generator = (seed: number): (() => number) => {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** `now` is the end of the ninety days, in milliseconds. Sign-ups grow, weekends are quieter, some people drop off. */
export const demoPeople = (count: number, now: number, clients: readonly string[]): DemoPerson[] => {
  const random = generator(20_261)
  const midnight = Math.floor(now / day) * day
  return Array.from({ length: count }, (_, index) => {
    const givenName = first[index % first.length] as string
    const familyName = last[Math.floor(index / first.length) % last.length] as string
    const age = Math.floor(Math.pow(random(), 1.4) * 89) + 1
    const createdAt = midnight - age * day + Math.floor(random() * day)
    const eagerness = 0.05 + random() * 0.5
    const leavesAfter = random() < 0.3 ? Math.floor(random() * age) : age
    const signIns: { at: number; client: string; outcome: 'succeeded' | 'wrong-password' }[] = []
    for (let passed = 0; passed < leavesAfter; passed++) {
      const at = createdAt + passed * day + Math.floor(random() * day * 0.6)
      const weekend = [0, 6].includes(new Date(at).getUTCDay())
      if (at >= now || (passed > 0 && random() > eagerness * (weekend ? 0.4 : 1))) continue
      const client = clients[Math.floor(random() * clients.length)] as string
      if (random() < 0.08) signIns.push({ at: at - 20_000, client, outcome: 'wrong-password' })
      signIns.push({ at, client, outcome: 'succeeded' })
    }
    return {
      email: `${givenName}.${familyName}${index >= first.length * last.length ? index : ''}@example.com`.toLowerCase(),
      name: `${givenName} ${familyName}`,
      createdAt,
      emailVerified: random() < 0.85 || index < 10,
      signIns,
    }
  })
}
