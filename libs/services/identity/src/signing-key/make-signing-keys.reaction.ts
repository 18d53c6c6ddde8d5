import { tenantCreated } from '@pavan/contracts'
import { defineReaction } from '@pavan/platform/bus/define-reaction.js'
import { on } from '@pavan/platform/views/define-view.js'
import { SigningKeyMaker } from './signing-keys.js'

/** A new tenant can sign before anybody asks it to. */
export const makeSigningKeys = defineReaction({
  name: 'make-signing-keys',
  inject: [SigningKeyMaker],
  with: (keys: SigningKeyMaker) => [on(tenantCreated, (event, { meta }) => keys.ensure(event.stream.id, meta))],
})
