import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { until } from '../testing/until.js'
import { takeTurns } from './one-processor.js'

/** SCHED_OTHER is 0, SCHED_BATCH is 3: field 41 of proc_pid_stat(5), counted behind the name. */
const policy = (): number => {
  const stat = readFileSync('/proc/self/stat', 'utf8')
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[38])
}
const possible = process.platform === 'linux' && spawnSync('chrt', ['--version']).status === 0
const setBack = () => spawnSync('chrt', ['--other', '--all-tasks', '--pid', '0', String(process.pid)])

// Elsewhere there is no such policy, or nobody to set it: takeTurns leaves everything as it is.
;(possible ? describe : describe.skip)('threads on one processor', () => {
  beforeEach(setBack)
  afterAll(setBack)

  test('wait for their turn', async () => {
    takeTurns(1)
    await until(() => policy() === 3, 'the batch policy')
  })

  test('are left alone where there is more than one', () => {
    takeTurns(2)
    expect(policy()).toBe(0)
  })
})
