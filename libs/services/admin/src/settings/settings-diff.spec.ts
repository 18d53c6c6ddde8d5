import { defaultTenantSettings, tenantSettings } from '@pavan/contracts'
import { settingsDiff } from './settings-diff.js'

describe('the difference of settings', () => {
  it('names every leaf that changed, and nothing else', () => {
    const after = tenantSettings.parse({ password: { minLength: 12 }, branding: { displayName: 'Acme' }, languages: { default: 'ar', offered: ['ar'] } })
    expect(settingsDiff(defaultTenantSettings, after)).toEqual([
      { pointer: '/password/minLength', from: 8, to: 12 },
      { pointer: '/languages/default', from: 'en', to: 'ar' },
      { pointer: '/languages/offered', from: ['en', 'ar'], to: ['ar'] },
      { pointer: '/branding/displayName', from: undefined, to: 'Acme' },
    ])
    expect(settingsDiff(after, after)).toEqual([])
  })
})
