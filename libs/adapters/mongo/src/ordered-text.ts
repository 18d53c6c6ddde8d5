/**
 * Text and values as text that every server orders alike: by code points, numbers before text, and an absent value first.
 * Some servers compare UTF-16, some UTF-8, and a comparison of mixed types differs, so everything that is compared is such text.
 */
import { createHash } from 'node:crypto'

/** Between values: lower than anything that a value contains. */
export const separator = '\u0001'
/** The first text behind everything that begins with a value and the separator. */
export const behind = '\u0002'

/** Behind every text. */
export const end = '\ud7ff\ud7ff'

/** Most texts have none of the few characters that need care. */
const plain = /^[ -\ud7fe]*$/

/** The same order as the code points of the text, without the characters that servers order differently. Different texts stay different. */
export const orderedText = (text: string): string => {
  if (plain.test(text)) return text
  let out = ''
  for (const char of text) {
    const code = char.codePointAt(0) as number
    if (code <= 2) out += `\u0002${code}`
    else if (code >= 0xd7ff) out += `\ud7ff${code.toString(16).padStart(6, '0')}`
    else out += char
  }
  return out
}

/** DocumentDB takes ids of up to 2,704 bytes. */
const longestId = 512

/** The key of a document: readable, unless it is very long. */
export const idOf = (key: string): string => {
  const text = orderedText(key)
  if (text.length <= longestId / 3 || Buffer.byteLength(text) <= longestId) return text
  return `${text.slice(0, 100)}\u0002#${createHash('sha256').update(key, 'utf16le').digest('base64url')}`
}

const view = new DataView(new ArrayBuffer(8))
const numberText = (value: number): string => {
  view.setFloat64(0, value === 0 ? 0 : value)
  const bits = view.getBigUint64(0)
  const ordered = bits >> 63n ? ~bits & 0xffff_ffff_ffff_ffffn : bits | (1n << 63n)
  return ordered.toString(16).padStart(16, '0')
}

/** A text, number or boolean of a row as ordered text; anything else counts as absent. Booleans are the numbers 0 and 1. */
export const valueText = (value: unknown): string => {
  switch (typeof value) {
    case 'string':
      return `2${orderedText(value)}`
    case 'number':
      return `1${numberText(value)}`
    case 'boolean':
      return `1${numberText(value ? 1 : 0)}`
    default:
      return '0'
  }
}

/** Bounds of what has a value of the same type. */
export const typeBounds = (value: string | number | boolean): [from: string, to: string] => (typeof value === 'string' ? ['2', '3'] : ['1', '2'])
