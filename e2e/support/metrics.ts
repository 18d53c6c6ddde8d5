/** The metrics of the whole system: of every process that it runs in. */
import { readExposition, type Sample } from '@pavan/platform/testing/exposition.js'
import { call, expectStatus } from './http.js'
import type { System } from './system.js'

export const scrape = async (system: System): Promise<readonly Sample[]> => {
  const answers = await Promise.all(system.processes.map((base) => call(`${base}/metrics`)))
  return answers.flatMap((answer) => readExposition(expectStatus(answer, 200).text))
}
