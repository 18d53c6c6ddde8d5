/** What every service does when a person is erased: forget the key, remove their rows, look for residue, report. */
import { storePurged, subjectErased, type EventOf } from '@pavan/contracts'
import type { Decider } from '@pavan/kernel'
import { defineReaction, type ReactionDefinition } from '../bus/define-reaction.js'
import { Aggregates } from '../events/aggregates.js'
import type { PurgeRule } from '../service/define-service.js'
import { removeAll } from '../views/changes.js'
import { on } from '../views/define-view.js'
import { Rows, type TableDefinition } from '../views/rows.js'
import { KeyRing } from './key-ring.js'

type Purged = EventOf<typeof storePurged>

/** One stream for each service and erasure, so that its reports keep their order: each store reports once, the events last. */
const purgeReport: Decider<Purged['data'], Purged, { readonly reported: readonly string[] }> = {
  category: 'purge',
  initial: { reported: [] },
  decide: (command, state) => (state.reported.includes(command.store) ? [] : [storePurged.of({ data: command })]),
  evolve: (state, event) => ({ reported: [...state.reported, event.data.store] }),
}

/** Tables by name, with the rules that find a person's rows. */
export const purgeReaction = (service: string, rules: readonly PurgeRule[]): ReactionDefinition =>
  defineReaction({
    name: 'purge',
    inject: [Aggregates, Rows, KeyRing],
    with: (aggregates: Aggregates, rows: Rows, keys: KeyRing) => {
      const reports = aggregates.of(purgeReport, { events: [storePurged] })
      const residue = async (tenant: string, user: string, rule: PurgeRule): Promise<number> =>
        (await rows.find(rule.table, { index: rule.index, where: rule.where(tenant, user), limit: 1000 })).items.length
      const purgeTable = async (tenant: string, user: string, tableRules: readonly PurgeRule[]): Promise<{ removed: number; residue: number }> => {
        let removed = 0
        for (const rule of tableRules) {
          const result = await rows.apply([removeAll(rule.table, rule.index, rule.where(tenant, user))])
          removed += result.applied ? (result.counts[0] ?? 0) : 0
        }
        const left = await Promise.all(tableRules.map((rule) => residue(tenant, user, rule)))
        return { removed, residue: left.reduce((sum, count) => sum + count, 0) }
      }
      return [
        on(subjectErased, async (event, command) => {
          const { tenant } = event.stream
          const { user, erasure } = event.data
          keys.forget(tenant, user)
          const byTable = Map.groupBy(rules, (rule: PurgeRule): TableDefinition<any> => rule.table)
          for (const [table, tableRules] of byTable) {
            const counts = await purgeTable(tenant, user, tableRules)
            if (counts.residue > 0) throw new Error(`${service}/${table.name}: rows of an erased person are left`)
            const report = { user, erasure, store: `${service}/${table.name}`, ...counts }
            await reports.handle({ tenant, id: `${erasure}/${service}`, meta: { ...command.meta, commandId: `${command.commandId}:${table.name}` } }, report)
          }
          const events = { user, erasure, store: `${service}/events`, removed: 0, residue: 0 }
          await reports.handle({ tenant, id: `${erasure}/${service}`, meta: { ...command.meta, commandId: `${command.commandId}:events` } }, events)
        }),
      ]
    },
  })
