/** What the operator's commands open stores with: the environment of the services. */
import { SystemClock } from '@pavan/kernel'
import { makeLog } from '@pavan/platform/telemetry/log.js'

export const surroundings = () => ({ env: process.env, clock: new SystemClock(), log: makeLog({ level: 'error', format: 'readable' }) })
