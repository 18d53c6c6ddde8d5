/**
 * The guides cannot lie: every block marked `sh run` of a page is run, in order and in one shell, against a fresh system, and what a block prints
 * must be what the block marked `output` below it shows. In there `…` stands for anything within a line, and a line `…` alone for any lines.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EmbeddedSystem } from '../support/embedded-system.js'
import { root } from '../support/root.js'

interface Step {
  readonly code: string
  readonly expected: string | undefined
}

const stepsOf = (page: string): Step[] => {
  const blocks = [...readFileSync(join(root, page), 'utf8').matchAll(/^```([^\n]+)\n(.*?)^```$/gms)].map(([, kind = '', text = '']) => ({ kind, text }))
  return blocks.flatMap(({ kind, text }, index) => {
    if (kind !== 'sh run') return []
    const next = blocks[index + 1]
    return [{ code: text, expected: next?.kind === 'output' ? next.text : undefined }]
  })
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

/** A pattern for what is shown. */
const patternOf = (shown: string): RegExp => {
  const lines = shown
    .trim()
    .split('\n')
    .map((line) => (line === '…' ? '[^]*' : line.split('…').map(escaped).join('[^\\n]*?')))
  return new RegExp(`^${lines.join('\\n')}$`)
}

const mark = '=== end of a block ==='

test.each([
  'README.md',
  'docs/guide/add-an-application.md',
  'docs/guide/guard-an-api.md',
  'docs/guide/write-a-policy.md',
  'docs/guide/run-it.md',
  'docs/guide/operate.md',
])(
  '%s does what it says',
  async (page) => {
    const steps = stepsOf(page)
    expect(steps.length).toBeGreaterThan(0)
    await using system = await EmbeddedSystem.start()
    const script = ['set -eu', ...steps.flatMap(({ code }) => [code, `echo '${mark}'`])].join('\n')
    const { stdout, stderr, status } = spawnSync('bash', ['-c', script], {
      cwd: root,
      encoding: 'utf8',
      timeout: 60_000,
      env: {
        PATH: process.env.PATH ?? '',
        HOME: tmpdir(),
        BASE: system.base,
        PAVAN_DATA: system.folder,
        npm_config_update_notifier: 'false',
      },
    })
    const printed = stdout.split(`${mark}\n`)
    if (process.env.PAVAN_GUIDE_SHOW) process.stderr.write(`${page}\n${stdout}\n${stderr}\n`)
    expect({ status, stderr: status === 0 ? '' : `${stdout.slice(-2000)}${stderr.slice(-2000)}` }).toEqual({ status: 0, stderr: '' })
    steps.forEach(({ code, expected }, index) => {
      if (expected === undefined) return
      const actual = (printed[index] ?? '').trim()
      if (!patternOf(expected).test(actual)) throw new Error(`${page}: after\n${code}\nit printed\n${actual}\nand the page shows\n${expected}`)
    })
  },
  90_000,
)

test('the comparison notices a difference', () => {
  expect(patternOf('{"a":"…","b":1}\n').test('{"a":"xyz","b":1}')).toBe(true)
  expect(patternOf('{"a":"…","b":1}\n').test('{"a":"xyz","b":2}')).toBe(false)
  expect(patternOf('first\n…\nlast').test('first\nx\ny\nlast')).toBe(true)
  expect(patternOf('first').test('first\nsecond')).toBe(false)
})
