import { userEmailChanged, userPasswordChanged } from '@pavan/contracts'
import { defineReaction } from '@pavan/platform/bus/define-reaction.js'
import { on } from '@pavan/platform/views/define-view.js'
import { Rows } from '@pavan/platform/views/rows.js'
import { Mails } from '../mail/mails.js'
import type { MailTemplate } from '../mail/mail-texts.js'
import { TenantDirectory } from '../oidc/tenant-directory.js'
import { languageFor } from './own-accounts.js'
import { Users } from './users.js'

/** Tells people that somebody, they hope themselves, changed how they sign in: the old address of a new one, the owner of a new password. */
export const accountNotices = defineReaction({
  name: 'account-notices',
  inject: [Mails, Users, TenantDirectory, Rows],
  fromNow: true,
  with: (mails: Mails, users: Users, tenants: TenantDirectory, rows: Rows) => {
    const tell = async (to: { tenant: string; user: string; address?: string }, template: MailTemplate, event: string): Promise<void> => {
      const tenant = await tenants.byId(to.tenant)
      const account = await users.find(to.tenant, to.user)
      const address = to.address ?? account?.email
      // Whoever was erased meanwhile is told nothing.
      if (!tenant || account?.status === 'erased' || address === undefined) return
      const language = languageFor(tenant, account?.locale)
      // A repeated event finds its mail there already.
      await rows.apply([mails.queue({ tenant, user: to.user, to: address, template, language, id: `mail_${event}` })])
    }
    return [
      on(userEmailChanged, async ({ id: event, stream: { tenant, id: user }, personal }) => {
        if (personal?.previous !== undefined) await tell({ tenant, user, address: personal.previous }, 'email-changed', event)
      }),
      on(userPasswordChanged, async ({ id: event, stream: { tenant, id: user }, data }) => {
        if (data.method !== 'rehash') await tell({ tenant, user }, 'password-changed', event)
      }),
    ]
  },
})
