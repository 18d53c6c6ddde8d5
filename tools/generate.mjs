// `npm run generate -- <what> …` writes a slice that compiles and passes its specs, and registers it. Without arguments it says what it can do.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import * as aggregates from './generate/aggregate.mjs'
import * as reactions from './generate/reaction.mjs'
import * as services from './generate/service.mjs'
import * as views from './generate/view.mjs'
import { root } from './support/node.mjs'

const kinds = {
  aggregate: { plan: aggregates.aggregate, usage: aggregates.usage, wants: 2 },
  view: { plan: views.view, usage: views.usage, wants: 3 },
  reaction: { plan: reactions.reaction, usage: reactions.usage, wants: 3 },
  service: { plan: services.service, usage: services.usage, wants: 1 },
}

/** Writes the files of a plan below a root. Nothing is written when one of them exists or an edit finds no place. */
export function apply({ create, edit }, place = root) {
  const existing = Object.keys(create).find((file) => existsSync(join(place, file)))
  if (existing) throw new Error(`${existing} exists already.`)
  const edited = Object.entries(edit).map(([file, change]) => {
    if (!existsSync(join(place, file))) throw new Error(`${file} is missing: is the name of the service right?`)
    return [file, change(readFileSync(join(place, file), 'utf8'))]
  })
  const written = [...Object.entries(create), ...edited]
  for (const [file, text] of written) {
    mkdirSync(dirname(join(place, file)), { recursive: true })
    writeFileSync(join(place, file), text)
  }
  return written.map(([file]) => file)
}

/** Plans one of the kinds from words as on the command line. */
export function plan([kind, ...words], options = {}) {
  const known = kinds[kind]
  if (!known || words.length !== known.wants) throw new Error(`Usage: npm run generate -- ${known?.usage ?? Object.keys(kinds).join(' | ')}`)
  return known.plan(words, options)
}

if (process.argv[1] === import.meta.filename) {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { plural: { type: 'string' } } })
  if (positionals.length === 0) {
    for (const { usage } of Object.values(kinds)) console.log(`npm run generate -- ${usage}`)
  } else {
    try {
      const planned = plan(positionals, values)
      const files = apply(planned)
      spawnSync(process.execPath, [join(root, 'node_modules/oxfmt/bin/oxfmt'), ...files], { cwd: root })
      for (const file of files) console.log(`${file in planned.create ? 'new     ' : 'changed '} ${file}`)
      console.log(`\n${planned.next}`)
    } catch (error) {
      console.error(error.message)
      process.exitCode = 1
    }
  }
}
