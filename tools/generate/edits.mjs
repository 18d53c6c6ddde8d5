// Small changes of existing files. Each one says what it could not find instead of guessing.

/** Adds import lines after the last import. */
export function addImports(text, lines) {
  const fresh = lines.filter((line) => !text.includes(line))
  const imports = [...text.matchAll(/^import [^;]*? from '[^']+'$/gms)]
  const last = imports.at(-1)
  if (!last) return text.replace(/^((?:\/\*\*[\s\S]*?\*\/\n|\/\/.*\n)*)/, `$1${fresh.join('\n')}\n`)
  const end = last.index + last[0].length
  return `${text.slice(0, end)}${fresh.map((line) => `\n${line}`).join('')}${text.slice(end)}`
}

/** Adds items to an array property such as `views: [a, b]`, or makes the property after `title`. */
export function addToProperty(text, property, items) {
  const found = new RegExp(`^(\\s*${property}: \\[)`, 'm').exec(text)
  if (found) return text.replace(found[0], `${found[0]}${items.join(', ')}, `)
  const title = /^(\s*)title: .*$/m.exec(text)
  if (!title) throw new Error(`No place for "${property}": the service has neither it nor a title.`)
  return text.replace(title[0], `${title[0]}\n${title[1].replace(/^\n+/, '')}${property}: [${items.join(', ')}],`)
}

/** Adds items to a list constant such as `export const adminEvents = [a, b] as const`. */
export function addToList(text, name, items) {
  const found = new RegExp(`const ${name}\\b[^=]*= \\[`).exec(text)
  if (!found) throw new Error(`There is no list "${name}".`)
  return text.replace(found[0], `${found[0]}${items.join(', ')}, `)
}

/** Adds text before the first match of a pattern. */
export function addBefore(text, pattern, addition) {
  const found = pattern.exec(text)
  if (!found) throw new Error(`Nothing matches ${pattern}.`)
  return text.slice(0, found.index) + addition + text.slice(found.index)
}
