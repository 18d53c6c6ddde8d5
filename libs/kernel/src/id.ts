/** The kinds of ids, by prefix. An id says what it names: `usr_01j…`. */
export const idPrefixes = {
  tenant: 'ten',
  user: 'usr',
  session: 'ses',
  organization: 'org',
  application: 'app',
  client: 'cli',
  secret: 'sec',
  resource: 'res',
  role: 'rol',
  policy: 'pol',
  assignment: 'asg',
  event: 'evt',
  command: 'cmd',
  key: 'key',
  mail: 'mai',
  challenge: 'chg',
  erasure: 'era',
  export: 'exp',
  request: 'req',
  job: 'job',
} as const

export type IdKind = keyof typeof idPrefixes

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz' // Crockford base 32, as in ULID
const codes = Uint8Array.from(alphabet, (letter) => letter.charCodeAt(0))

/** Fills an array with random bytes: `crypto.getRandomValues` fits. */
export type RandomBytes = (into: Uint8Array) => Uint8Array

/**
 * An id of 26 characters after its prefix: 48 bits of time, then 80 random bits (the ULID layout),
 * so that new ids sort by time and rows written together lie together.
 */
export const makeId = (kind: IdKind, now: number, random: RandomBytes): string => {
  const bytes = random(new Uint8Array(16))
  for (let i = 0; i < 16; i++) bytes[i] = codes[(bytes[i] as number) & 31] as number
  return `${idPrefixes[kind]}_${timePart(now)}${text(bytes)}`
}

/** One flat text from codes; spreading them would go by an iterator. */
const text = (list: ArrayLike<number>): string => String.fromCharCode.apply(null, list as number[])

let lastTime = -1
let lastText = ''

/** 48 bits of time in ten letters; made once for all ids of a millisecond. */
const timePart = (now: number): string => {
  if (now === lastTime) return lastText
  const out: number[] = []
  for (let time = now, i = 9; i >= 0; i--, time = Math.floor(time / 32)) out[i] = codes[time % 32] as number
  lastTime = now
  return (lastText = text(out))
}

const shapes = new Map<IdKind, RegExp>()

/** Whether the text has the shape of an id of this kind. */
export const isId = (kind: IdKind, text: string): boolean => {
  let shape = shapes.get(kind)
  if (!shape) shapes.set(kind, (shape = new RegExp(`^${idPrefixes[kind]}_[0-9a-hjkmnp-tv-z]{26}$`)))
  return shape.test(text)
}
