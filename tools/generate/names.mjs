// One name in the spellings that code needs.
export function spell(kebab) {
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(kebab)) throw new Error(`"${kebab}" is no name: write it in kebab-case, such as welcome-mail.`)
  const words = kebab.split('-')
  const upper = words.map((word) => word[0].toUpperCase() + word.slice(1)).join('')
  const camel = upper[0].toLowerCase() + upper.slice(1)
  const article = /^[aeiou]/.test(kebab) ? 'an' : 'a'
  return { kebab, upper, camel, words: words.join(' '), article, Title: words.join(' ').replace(/^./, (letter) => letter.toUpperCase()) }
}

/** The plural of an English noun, good enough for a first draft; `--plural` says it better. */
export const pluralOf = (noun) => (/(s|x|ch|sh)$/.test(noun) ? `${noun}es` : /[^aeiou]y$/.test(noun) ? `${noun.slice(0, -1)}ies` : `${noun}s`)

/** A prefix of three letters for ids that nobody has yet. */
export function prefixFor(name, taken) {
  const letters = name.replaceAll('-', '')
  for (let i = 1; i < letters.length - 1; i += 1) {
    for (let j = i + 1; j < letters.length; j += 1) {
      const prefix = letters[0] + letters[i] + letters[j]
      if (!taken.includes(prefix)) return prefix
    }
  }
  throw new Error(`Every short prefix of "${name}" is taken: choose another name.`)
}
