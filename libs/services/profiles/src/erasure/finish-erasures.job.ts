/** Takes up erasures that a crash has interrupted. */
import { defineJob } from '@pavan/platform/jobs/define-job.js'
import { Erasures } from './erasures.js'

export const finishErasures = defineJob({ name: 'finish-erasures', everyMs: 5_000, inject: [Erasures], with: (erasures: Erasures) => () => erasures.advance() })
