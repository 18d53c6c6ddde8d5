import type { CallerIdentity } from '@pavan/platform/http/caller.js'
import type { CommandEnvelope } from '@pavan/platform/http/command.js'
import type { Acting } from './assignment/assignments.js'

/** The caller's own key protects where the call came from, so that it goes when the caller is erased. */
export const actingFor = (caller: CallerIdentity, { meta }: CommandEnvelope): Acting => ({
  tenant: caller.tenant,
  meta,
  ...(caller.subject.type === 'user' ? { subject: caller.subject.id } : {}),
})
