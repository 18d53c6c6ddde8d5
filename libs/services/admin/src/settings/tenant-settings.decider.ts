/** The settings of a tenant: one document, replaced as a whole; its versions are its history. */
import type { Decider } from '@pavan/kernel'
import { defaultTenantSettings, tenantSettingsSet, type EventOf, type TenantSettings } from '@pavan/contracts'

export interface SettingsCommand {
  readonly type: 'set'
  readonly settings: TenantSettings
}
export type SettingsEvent = EventOf<typeof tenantSettingsSet>

/** Both come out of the same schema, so their fields stand in the same order. */
const same = (a: TenantSettings, b: TenantSettings): boolean => JSON.stringify(a) === JSON.stringify(b)

export const settingsDecider: Decider<SettingsCommand, SettingsEvent, TenantSettings> = {
  category: 'tenant-settings',
  initial: defaultTenantSettings,
  decide: ({ settings }, state) => (same(settings, state) ? [] : [tenantSettingsSet.of({ data: { settings } })]),
  evolve: (_, event) => event.data.settings,
}
