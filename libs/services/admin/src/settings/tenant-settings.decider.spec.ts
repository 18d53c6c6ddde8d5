import { given } from '@pavan/kernel/spec.js'
import { defaultTenantSettings, tenantSettings, tenantSettingsSet } from '@pavan/contracts'
import { settingsDecider } from './tenant-settings.decider.js'

const strict = tenantSettings.parse({ password: { minLength: 12 } })
const set = tenantSettingsSet.of({ data: { settings: strict } })

describe('the settings of a tenant', () => {
  it('given none, when they are set, then they are', () => {
    expect(given(settingsDecider, []).when({ type: 'set', settings: strict }).result).toEqual([set])
  })

  it('given settings, when the same are set, then nothing happens', () => {
    expect(given(settingsDecider, [set]).when({ type: 'set', settings: tenantSettings.parse({ password: { minLength: 12, minScore: 2 } }) }).result).toEqual([])
    expect(given(settingsDecider, []).when({ type: 'set', settings: defaultTenantSettings }).result).toEqual([])
  })

  it('given settings, when others are set, then the whole document is replaced', () => {
    expect(given(settingsDecider, [set]).when({ type: 'set', settings: defaultTenantSettings }).result).toEqual([
      tenantSettingsSet.of({ data: { settings: defaultTenantSettings } }),
    ])
  })
})
