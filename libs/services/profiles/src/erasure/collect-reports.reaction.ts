/** Collects what the stores report, and finishes an erasure when the last one has. */
import { storePurged } from '@pavan/contracts'
import { defineReaction } from '@pavan/platform/bus/define-reaction.js'
import { on } from '@pavan/platform/views/define-view.js'
import { Erasures } from './erasures.js'

export const collectReports = defineReaction({
  name: 'collect-reports',
  inject: [Erasures],
  with: (erasures: Erasures) => [
    on(storePurged, async (event) => {
      const { erasure, store, removed, residue } = event.data
      await erasures.report({ tenant: event.stream.tenant, erasure, store, removed, residue, reportedAt: event.at })
      if (store.endsWith('/events')) await erasures.advance()
    }),
  ],
})
