import type { CallerIdentity } from '@pavan/platform/http/caller.js'
import type { CommandEnvelope } from '@pavan/platform/http/command.js'
import type { Acting } from './assignment/assignments.js'

/** Address and device are encrypted under the acting person's own key, so that they go when the person is erased. */
export const actingFor = (caller: CallerIdentity, { meta }: CommandEnvelope): Acting => ({ tenant: caller.tenant, meta })
