// Something that a service does, at least once, because something happened.
import { addImports, addToProperty } from './edits.mjs'
import { spell } from './names.mjs'

export const usage = 'reaction <service> <what-to-do, such as greet-people> <event, such as userRegistered>'

export function reaction([service, name, event]) {
  const own = spell(name)
  const folder = `libs/services/${service}/src`
  return {
    create: {
      [`${folder}/${name}/${name}.reaction.ts`]: source(own, event),
      [`${folder}/${name}/${name}.reaction.spec.ts`]: spec(own, event),
    },
    edit: {
      [`${folder}/${service}.service.ts`]: (text) =>
        addToProperty(addImports(text, [`import { ${own.camel} } from './${name}/${name}.reaction.js'`]), 'reactions', [own.camel]),
    },
    next: `Say what to do in ${folder}/${name}/${name}.reaction.ts. It may run twice: hand command.meta on, so that the second time changes nothing.`,
  }
}

const source = (own, event) => `/** ${own.Title}, at least once for every event: commands carry \`command.meta\`, so that a repeat changes nothing. */
import { ${event} } from '@pavan/contracts'
import { defineReaction, type ReactionCommand } from '@pavan/platform/bus/define-reaction.js'
import { Log } from '@pavan/platform/telemetry/log.js'
import { on } from '@pavan/platform/views/define-view.js'

export const ${own.camel} = defineReaction({
  name: '${own.kebab}',
  inject: [Log],
  with: (log: Log) => [
    on(${event}, async (event, command: ReactionCommand) => {
      log.info({ stream: event.stream.id, command: command.commandId }, '${own.words}')
    }),
  ],
})
`

const spec = (own, event) => `import type { RecordedEvent } from '@pavan/kernel'
import { ${event} } from '@pavan/contracts'
import type { ReactionCommand } from '@pavan/platform/bus/define-reaction.js'
import { ${own.camel} } from './${own.kebab}.reaction.js'

test('${own.words} once for the event, under the id of its command', async () => {
  const lines: object[] = []
  const [handler] = ${own.camel}.with({ info: (fields: object) => lines.push(fields) })
  expect(handler?.type).toBe(${event})
  const command: ReactionCommand = { commandId: 'cmd_1', meta: { actor: { type: 'system', id: '${own.kebab}' } } }
  await handler?.handle({ stream: { tenant: 'ten_1', category: 'spec', id: 'one' } } as RecordedEvent, command)
  expect(lines).toEqual([{ stream: 'one', command: 'cmd_1' }])
})
`
