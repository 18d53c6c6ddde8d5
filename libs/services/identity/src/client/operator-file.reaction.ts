import { clientRegistered } from '@pavan/contracts'
import { defineReaction } from '@pavan/platform/bus/define-reaction.js'
import { on } from '@pavan/platform/views/define-view.js'
import { Views } from '@pavan/platform/views/views.js'
import { OperatorFile } from './operator-file.js'

/** At first start the operator's client is registered while identity is running already. */
export const writeOperatorFile = defineReaction({
  name: 'operator-file',
  inject: [OperatorFile, Views],
  with: (file: OperatorFile, views: Views) => [
    on(clientRegistered, async (event) => {
      if (!event.data.roles?.includes('operator')) return
      await views.waitFor(`${event.context}:${event.position.p}:${event.position.seq}`)
      await file.ensure()
    }),
  ],
})
