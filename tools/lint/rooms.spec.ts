import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

const root = join(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'pavan-lint-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Sample {
  file: string
  code: string
  /** Part of the message, or of the rule's name; undefined when the file is fine. */
  says?: string
}

const bad: Sample[] = [
  { file: 'libs/kernel/src/a.ts', code: "import { z } from 'zod'", says: 'The kernel imports nothing' },
  { file: 'libs/kernel/src/b.ts', code: "import { createHash } from 'node:crypto'", says: 'The kernel imports nothing' },
  { file: 'libs/kernel/src/c.ts', code: 'export const now = Date.now()', says: 'The time comes in with the command' },
  { file: 'libs/contracts/src/a.ts', code: "import { Injectable } from '@nestjs/common'", says: 'Contracts import only the kernel and zod' },
  { file: 'libs/contracts/src/b.ts', code: "import { x } from '@pavan/identity/user/user.decider.js'", says: 'Contracts import only the kernel and zod' },
  { file: 'libs/platform/src/a.ts', code: "import { DatabaseSync } from 'node:sqlite'", says: 'driver belongs behind a port' },
  { file: 'libs/platform/src/b.ts', code: "import { sqlite } from '@pavan/sqlite'", says: 'Only apps choose an adapter' },
  { file: 'libs/platform/src/c.ts', code: "import { x } from '@pavan/admin'", says: 'Services never import each other' },
  { file: 'libs/adapters/sqlite/src/a.ts', code: "import { x } from '@pavan/mongo'", says: 'never another adapter' },
  { file: 'libs/adapters/sqlite/src/b.ts', code: "import { x } from '@pavan/audit'", says: 'Services never import each other' },
  { file: 'libs/services/admin/src/a.ts', code: "import { x } from '@pavan/identity'", says: 'Services never import each other' },
  { file: 'libs/services/admin/src/b.ts', code: "import { x } from '@pavan/sqlite'", says: 'Only apps choose an adapter' },
  { file: 'libs/services/admin/src/c.ts', code: "import mongoose from 'mongoose'", says: 'driver belongs behind a port' },
  { file: 'libs/services/admin/src/c.spec.ts', code: "import { x } from '@pavan/identity'", says: 'Services never import each other' },
  { file: 'libs/services/admin/src/d.ts', code: "import { x } from '../../../kernel/src/id.js'", says: 'Another package is imported by its name' },
  { file: 'libs/services/admin/src/e.ts', code: "import { x } from './user/index.js'", says: 'Import files, not folders' },
  { file: 'libs/services/admin/src/f.ts', code: "import { x } from '@pavan/app-demo'", says: 'Nobody imports an app' },
  {
    file: 'libs/services/admin/src/g.decider.ts',
    code: "import { Injectable } from '@nestjs/common'",
    says: 'A decider imports only the kernel and contracts',
  },
  { file: 'libs/services/admin/src/h.decider.ts', code: "import { randomUUID } from 'node:crypto'", says: 'A decider imports only the kernel and contracts' },
  { file: 'libs/services/admin/src/i.decider.ts', code: "import { x } from './g.http.js'", says: 'A decider is pure' },
  { file: 'libs/services/admin/src/j.decider.ts', code: 'export const chance = Math.random()', says: 'Randomness comes in with the command' },
  { file: 'libs/services/admin/src/k.view.ts', code: "import { Rows } from '@pavan/platform/bus/bus.js'", says: 'A view is data' },
  { file: 'libs/services/admin/src/l.view.ts', code: "import { x } from './g.decider.js'", says: 'A view must not know' },
  { file: 'libs/services/admin/src/m.ts', code: "export { two } from './n.js'\nexport const one = 1", says: 'no-cycle' },
  { file: 'libs/services/admin/src/n.ts', code: "export { one } from './m.js'\nexport const two = 2", says: 'no-cycle' },
  { file: 'libs/services/admin/src/o.ts', code: "export type { Two } from './p.js'\nexport interface One { n: 1 }", says: 'no-cycle' },
  { file: 'libs/services/admin/src/p.ts', code: "import type { One } from './o.js'\nexport interface Two { one: One }", says: 'no-cycle' },
  { file: 'libs/services/admin/src/q.decider.ts', code: 'export const x = (y: any): number => y', says: 'no-explicit-any' },
  { file: 'apps/console/src/a.ts', code: "import { x } from '@pavan/platform/views/rows.js'", says: 'must not import it' },
  {
    file: 'apps/identity/src/main.ts',
    code: 'export const line = 1\n'.replace('line', 'l0') + Array.from({ length: 31 }, (_, i) => `export const line${i} = ${i}`).join('\n'),
    says: 'max-lines',
  },
]

const good: Sample[] = [
  { file: 'libs/kernel/src/y.ts', code: "export { one } from './z.js'" },
  { file: 'libs/kernel/src/z.ts', code: 'export const one = 1' },
  { file: 'libs/contracts/src/z.ts', code: "export { z } from 'zod'\nexport type { Refusal } from '@pavan/kernel'" },
  { file: 'libs/platform/src/z.ts', code: "export { Injectable } from '@nestjs/common'\nexport { randomUUID } from 'node:crypto'" },
  { file: 'libs/platform/src/z.spec.ts', code: "import { sqlite } from '@pavan/sqlite'\ntest('x', () => expect(sqlite).toBeDefined())" },
  { file: 'libs/adapters/sqlite/src/z.ts', code: "export { DatabaseSync } from 'node:sqlite'\nexport { Rows } from '@pavan/platform/views/rows.js'" },
  { file: 'libs/services/admin/src/y.ts', code: "export { Provider } from 'oidc-provider'\nexport { Rows } from '@pavan/platform/views/rows.js'" },
  {
    file: 'libs/services/admin/src/z.decider.ts',
    code: "export { refuse } from '@pavan/kernel'\nexport { x } from '@pavan/contracts/x.js'\nexport { y } from './rules.js'",
  },
  { file: 'libs/services/admin/src/z.view.ts', code: "export { on } from '@pavan/platform/views/define-view.js'\nexport { y } from './z.table.js'" },
  { file: 'apps/identity/src/other.ts', code: "export { x } from '@pavan/identity'\nexport { y } from '@pavan/sqlite'" },
]

interface Diagnostic {
  message: string
  code: string
  help?: string
  filename: string
}

/** What oxlint says about every sample, with the configuration of this repository. */
function lint(samples: Sample[]): Diagnostic[] {
  for (const { file, code } of samples) {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    writeFileSync(join(folder, file), `${code}\n`)
  }
  for (const file of ['oxlint.config.ts', 'tools/lint/rooms.mjs', 'tsconfig.json', 'tsconfig.base.json', 'package.json'])
    cpSync(join(root, file), join(folder, file))
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  const args = [join(root, 'node_modules/oxlint/bin/oxlint'), '-f', 'json', 'libs', 'apps']
  try {
    return (JSON.parse(execFileSync(process.execPath, args, { cwd: folder, encoding: 'utf8' })) as { diagnostics: Diagnostic[] }).diagnostics
  } catch (error) {
    return (JSON.parse((error as { stdout: string }).stdout) as { diagnostics: Diagnostic[] }).diagnostics
  }
}

const findings = lint([...bad, ...good])
const of = (file: string): string[] => findings.filter(({ filename }) => filename === file).map(({ code, message, help }) => `${code} ${message} ${help ?? ''}`)

test.each(bad)('$file is refused: $says', ({ file, says }) => expect(of(file).join('\n')).toContain(says))
test.each(good)('$file is fine', ({ file }) => expect(of(file).filter((line) => !line.includes('no-unused-vars'))).toEqual([]))
