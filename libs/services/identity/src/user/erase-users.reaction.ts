import { orThrow } from '@pavan/kernel'
import { subjectErased } from '@pavan/contracts'
import { defineReaction } from '@pavan/platform/bus/define-reaction.js'
import { on } from '@pavan/platform/views/define-view.js'
import { Users } from './users.js'

/** When a person is erased, the address is free again and the account can never be used. */
export const eraseUsers = defineReaction({
  name: 'erase-users',
  inject: [Users],
  with: (users: Users) => [
    on(subjectErased, async ({ stream, data }, { meta }) => {
      if (await users.find(stream.tenant, data.user)) orThrow(await users.handle(stream.tenant, data.user, { type: 'erase' }, meta))
    }),
  ],
})
