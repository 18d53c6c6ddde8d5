import { sessionEnded, subjectErased, userBlocked, userErased, userPasswordChanged } from '@pavan/contracts'
import { defineReaction } from '@pavan/platform/bus/define-reaction.js'
import { on } from '@pavan/platform/views/define-view.js'
import { Sessions } from './sessions.js'

/**
 * Ends sessions because of what happened to their owner, whoever caused it and however often it is told. Whoever changes a password
 * or blocks somebody ends the sessions itself, so that the answer comes after; this finishes what a crash interrupted.
 */
export const endSessions = defineReaction({
  name: 'end-sessions',
  inject: [Sessions],
  with: (sessions: Sessions) => [
    on(userPasswordChanged, async ({ stream, data, at }, { meta }) => {
      if (data.method !== 'rehash') await sessions.endAll(stream.tenant, stream.id, 'password-changed', { meta, except: data.session, before: at })
    }),
    on(userBlocked, ({ stream, at }, { meta }) => sessions.endAll(stream.tenant, stream.id, 'blocked', { meta, before: at })),
    on(userErased, ({ stream }, { meta }) => sessions.endAll(stream.tenant, stream.id, 'erased', { meta })),
    on(subjectErased, ({ stream, data }, { meta }) => sessions.endAll(stream.tenant, data.user, 'erased', { meta })),
    on(sessionEnded, ({ stream }) => sessions.forget(stream.tenant, stream.id)),
  ],
})
