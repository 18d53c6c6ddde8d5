import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { compare, pace, percentile, resultLine } from '../bench/support/harness.mjs'
import { simulate } from '../bench/support/sequencer-simulation.mjs'

const root = join(import.meta.dirname, '..')
const scenarios = [
  'append',
  'append-mongo',
  'cc-issue',
  'decisions',
  'distributed',
  'growth',
  'growth-streams',
  'lag',
  'lag-distributed',
  'lag-mongo',
  'login',
  'publish',
  'rebuild',
  'refresh',
  'simulate',
  'start',
]

describe('npm run bench', () => {
  it('lists every scenario with what it measures', () => {
    const listed = execFileSync(process.execPath, [join(root, 'tools/bench.mjs')], { encoding: 'utf8' })
      .split('\n')
      .flatMap((line) => (/^ {2}(\S+) +(\S.{20,})$/.exec(line) ?? []).slice(1, 2))
    expect(listed).toEqual(scenarios)
  })

  it('has one report of its own name in each scenario, and a line in the README', () => {
    const readme = readFileSync(join(root, 'bench/README.md'), 'utf8')
    for (const scenario of scenarios) {
      const source = readFileSync(join(root, `bench/${scenario}.bench.mjs`), 'utf8')
      expect([...source.matchAll(/\breport\('([\w-]+)'/g)].map(([, name]) => name)).toEqual([scenario])
      expect(readme).toContain(`| \`${scenario}\` |`)
    }
  })
})

describe('kept results', () => {
  const folder = join(root, 'bench/results')
  const kept = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith('.txt')) : []

  it.each(kept)('%s ends with the result line of its scenario, and names no place of the machine that it was made on', (file) => {
    const text = readFileSync(join(folder, file), 'utf8')
    const last = JSON.parse(text.trimEnd().split('\n').at(-1) ?? '') as Record<string, unknown>
    expect(Object.keys(last)).toEqual(['scenario', 'ours', 'limit', 'ratio', 'must', 'aim', 'cpuSecondsPer1000'])
    expect(`${String(last.scenario)}.txt`).toBe(file)
    expect(text).not.toMatch(/(?:^|[\s"'(])\/(?:home|tmp|work|root|Users|var)\b|localhost|127\.0\.0\.1/m)
  })
})

describe('the harness', () => {
  it('writes the result line with three decimals, and null where there is nothing to say', () => {
    const line = resultLine({ scenario: 'start', ours: [1.23456, 217.4], must: [2.5, 260], aim: [1.8, 180] })
    expect(line).toBe('{"scenario":"start","ours":[1.235,217.4],"limit":null,"ratio":null,"must":[2.5,260],"aim":[1.8,180],"cpuSecondsPer1000":null}')
  })

  it('takes the limit and ours in turn, and the median of the ratios of neighbouring rounds', async () => {
    const print = jest.spyOn(console, 'log').mockImplementation(() => {})
    const order: string[] = []
    const side = (name: string, rates: number[]) => ({
      run: async (milliseconds: number) => {
        order.push(`${name} ${milliseconds}`)
        return { done: 10, perSecond: milliseconds === 1 ? 0 : (rates.shift() as number) }
      },
    })
    const options = { rounds: 3, milliseconds: 2, warmup: 1 }
    const result = await compare({ ours: side('ours', [50, 90, 40]), limit: side('limit', [100, 100, 200]), ...options })
    print.mockRestore()
    expect(order).toEqual(['limit 1', 'ours 1', 'limit 2', 'ours 2', 'limit 2', 'ours 2', 'limit 2', 'ours 2'])
    expect(result).toMatchObject({ ours: 50, limit: 100, ratio: 0.5, cpuSecondsPer1000: null })
  })

  it('begins calls at their rate while none has ended, and fails when one is wrong', async () => {
    let begun = 0
    let end = (): void => {}
    const ended = new Promise<void>((resolve) => (end = resolve))
    const once = () => (++begun === 5 && end(), ended)
    expect((await pace({ perSecond: 1000, milliseconds: 50, once })).done).toBe(50)
    await expect(pace({ perSecond: 1000, milliseconds: 5, once: () => Promise.reject(new Error('a wrong answer')) })).rejects.toThrow('a wrong answer')
  })

  it('names the value below which a share lies', () => {
    const values = Array.from({ length: 100 }, (_, i) => 100 - i)
    expect([percentile(values, 0.5), percentile(values, 0.99), percentile([], 0.5)]).toEqual([51, 100, NaN])
  })
})

describe('the simulation of many copies', () => {
  const one: [number, number] = [1, 1]
  const part = { base: one, each: 0 }
  const parameters = { storeMs: one, numberMs: one, findMs: one, readMs: part, sendMs: part, fetchMs: one, applyMs: part, relayLanes: 4 }
  const run = (more: object) => simulate({ partitions: 8, workers: 4, rate: 500, seconds: 1, parameters, ...more })

  it('is the sum of the steps where nobody is in the way, and the same each time', () => {
    const { acknowledged, lags, attempts } = run({ rate: 5, sticky: 1 })
    expect([acknowledged[0], lags[0], attempts]).toEqual([expect.closeTo(2), expect.closeTo(4), 1])
    expect(run({ seed: 3 })).toEqual(run({ seed: 3 }))
    expect(run({ seed: 3 })).not.toEqual(run({ seed: 4 }))
  })

  it('makes everything visible that was acknowledged, also when a copy dies', () => {
    for (const more of [{}, { dies: true }, { skew: 1 }]) {
      const { acknowledged, lags } = run(more)
      expect([acknowledged.length > 400, lags.length]).toEqual([true, acknowledged.length])
    }
  })

  it("shows that copies which number the same partition get in each other's way", () => {
    expect(run({ rate: 2_000 }).attempts).toBeGreaterThan(run({ rate: 2_000, sticky: 1 }).attempts)
  })
})
