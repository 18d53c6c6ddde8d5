import { defineJob } from '@pavan/platform/jobs/define-job.js'
import { Checkpoints } from './checkpoints.js'

export const signCheckpoints = defineJob({
  name: 'sign-checkpoints',
  everyMs: 60_000,
  inject: [Checkpoints],
  with: (checkpoints: Checkpoints) => () => checkpoints.signAll(),
})
