// Whether a JSON schema of an event may follow another one of the same version: events written before must still fit it,
// and readers made for the one before must still find what they read. Further fields and further values of a list of names are no break.

/** What breaks, one sentence each. */
export function breaks(before, after, path = '') {
  const at = path || 'the event'
  if (before.anyOf && after.anyOf) return before.anyOf.length > after.anyOf.length ? [`${at} allows fewer kinds of values`] : []
  return [...typeBreaks(before, after, at), ...valueBreaks(before, after, at), ...fieldBreaks(before, after, path), ...itemBreaks(before, after, path)]
}

const listed = (value) => (value === undefined ? undefined : [value].flat())

function typeBreaks(before, after, at) {
  const [old, now] = [listed(before.type), listed(after.type)]
  if (!now) return []
  const lost = old ? old.filter((type) => !now.includes(type) && !(type === 'integer' && now.includes('number'))) : ['any']
  return lost.length > 0 ? [`${at} was ${(old ?? ['anything']).join(' or ')} and is ${now.join(' or ')}`] : []
}

function valueBreaks(before, after, at) {
  const [old, now] = [before.enum ?? listed(before.const), after.enum ?? listed(after.const)]
  const lost = now ? (old ?? ['any other value']).filter((value) => !now.includes(value)) : []
  const upper = ['maxLength', 'maxItems', 'maximum', 'exclusiveMaximum'].filter((name) => (after[name] ?? Infinity) < (before[name] ?? Infinity))
  const lower = ['minLength', 'minItems', 'minimum', 'exclusiveMinimum'].filter((name) => (after[name] ?? -Infinity) > (before[name] ?? -Infinity))
  const form = ['pattern', 'format'].filter((name) => after[name] !== undefined && after[name] !== before[name])
  return [
    ...(lost.length > 0 ? [`${at} no longer allows ${lost.join(', ')}`] : []),
    ...[...upper, ...lower, ...form].map((name) => `${at} has a narrower ${name}`),
    ...(after.additionalProperties === false && before.additionalProperties !== false ? [`${at} no longer allows further fields`] : []),
  ]
}

function fieldBreaks(before, after, path) {
  const [old, now] = [before.properties ?? {}, after.properties ?? {}]
  const name = (field) => (path ? `${path}.${field}` : field)
  return [
    ...Object.keys(old).flatMap((field) => (field in now ? breaks(old[field], now[field], name(field)) : [`${name(field)} was removed`])),
    ...(after.required ?? []).filter((field) => !(before.required ?? []).includes(field)).map((field) => `${name(field)} is required now`),
    ...(before.required ?? []).filter((field) => field in now && !(after.required ?? []).includes(field)).map((field) => `${name(field)} may be missing now`),
  ]
}

const itemBreaks = (before, after, path) => (before.items && after.items ? breaks(before.items, after.items, `${path}[]`) : [])

/** Compares all events: `released` and `current` map `type:version` to schemas. A version that is gone is fine only if a newer one of the type is there. */
export function brokenEvents(released, current) {
  const versionOf = (key) => Number(key.slice(key.lastIndexOf(':') + 1))
  const typeOf = (key) => key.slice(0, key.lastIndexOf(':'))
  return Object.entries(released).flatMap(([key, before]) => {
    const after = current[key]
    if (after) return breaks(before, after).map((what) => `${key}: ${what}`)
    const newer = Object.keys(current).some((other) => typeOf(other) === typeOf(key) && versionOf(other) > versionOf(key))
    return newer ? [] : [`${key}: the event was removed`]
  })
}
