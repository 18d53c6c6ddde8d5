import canonical from 'canonicalize'

/** JSON Canonicalization Scheme (RFC 8785). */
export const canonicalize = (value: unknown): string => {
  const text = canonical(value)
  if (text === undefined) throw new TypeError('the value has no JSON text')
  return text
}
