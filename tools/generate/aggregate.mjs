// A new kind of thing with its rules: contract, events, decider, routes, view, specs.
import { addBefore, addImports, addToList, addToProperty } from './edits.mjs'
import { pluralOf, prefixFor, spell } from './names.mjs'

export const usage = 'aggregate <service> <noun> [--plural=<nouns>]'

export function aggregate([service, noun], { plural = pluralOf(noun) }) {
  const one = spell(noun)
  const many = spell(plural)
  const own = spell(service)
  const folder = `libs/services/${service}/src`
  const events = ['Created', 'Renamed', 'Deleted'].map((what) => one.camel + what)
  const code = (reason) => `${service}.${noun}.${reason}`
  const names = { one, many, own, events, code }
  return {
    create: {
      [`libs/contracts/src/${service}/${noun}.contract.ts`]: contract(names),
      [`${folder}/${noun}/${noun}.decider.ts`]: decider(names),
      [`${folder}/${noun}/${noun}.decider.spec.ts`]: deciderSpec(names),
      [`${folder}/${noun}/${noun}.http.ts`]: http(names),
      [`${folder}/${noun}/${many.kebab}.view.ts`]: view(names),
      [`${folder}/${noun}/${many.kebab}.view.spec.ts`]: viewSpec(names),
    },
    edit: {
      'libs/kernel/src/id.ts': (text) => {
        const taken = [...text.matchAll(/^ {2}\w+: '(\w+)',$/gm)].map(([, prefix]) => prefix)
        return addBefore(text, /^\} as const/m, `  ${one.camel}: '${prefixFor(noun, taken)}',\n`)
      },
      [`libs/contracts/src/events/${service}.events.ts`]: (text) =>
        addToList(addBefore(text, new RegExp(`^export const ${own.camel}Events\\b`, 'm'), eventTypes(names)), `${own.camel}Events`, events),
      [`${folder}/${service}.problems.ts`]: (text) => addBefore(text, /^\} as const satisfies ProblemList/m, problems(names)),
      [`${folder}/${service}.service.ts`]: (text) => {
        const imports = [
          `import { ${one.upper}Controller } from './${noun}/${noun}.http.js'`,
          `import { ${many.camel}View } from './${noun}/${many.kebab}.view.js'`,
        ]
        return addToProperty(addToProperty(addImports(text, imports), 'controllers', [`${one.upper}Controller`]), 'views', [`${many.camel}View`])
      },
    },
    next: `The rules are in ${folder}/${noun}/${noun}.decider.ts, their sentences beside it. The routes are /api/v1/${service}/${many.kebab}.`,
  }
}

const contract = ({ one, many }) => `/** Requests and answers about ${many.words}. Times are milliseconds since 1970. */
import { z } from 'zod'
import { pageOf, pageQuery } from '../http/paging.js'

const name = z.string().trim().min(1).max(120)

/** An id in a path: whatever does not have the shape cannot exist. */
export const ${one.camel}Param = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, { error: 'is not an id' })
export const ${one.camel}Query = pageQuery
export const ${one.camel}Input = z.strictObject({ name })
export const ${one.camel} = z.object({
  id: z.string(),
  name: z.string(),
  createdAt: z.number().int().describe('Milliseconds since 1970'),
  version: z.number().int().describe('Version of the resource; also in the ETag'),
})
export const ${one.camel}Page = pageOf(${one.camel})
`

const eventTypes = ({ one, events: [created, renamed, deleted] }) => `export const ${created} = defineEvent('${one.kebab}.created', '${one.Title} exists.', {
  data: z.object({ name: z.string().min(1).max(120) }),
})
export const ${renamed} = defineEvent('${one.kebab}.renamed', '${one.Title} has another name.', { data: z.object({ name: z.string().min(1).max(120) }) })
export const ${deleted} = defineEvent('${one.kebab}.deleted', '${one.Title} is gone.', { data: z.object({}) })

`

const problems = ({ one, code }) => `  '${code('exists')}': { status: 409, title: 'The ${one.words} exists already', detail: 'Choose another id.' },
  '${code('not-found')}': { status: 404, title: 'There is no such ${one.words}', detail: 'Check the id. It may have been deleted.' },
`

const decider = ({ one, events: [created, renamed, deleted], code }) => `/** ${one.Title}: what may happen to it, and what then has happened. */
import { refuse, type Decider } from '@pavan/kernel'
import { ${created}, ${deleted}, ${renamed}, type EventOf } from '@pavan/contracts'

export type ${one.upper}Command = { readonly type: 'create'; readonly name: string } | { readonly type: 'rename'; readonly name: string } | { readonly type: 'delete' }

export type ${one.upper}Event = EventOf<typeof ${created}> | EventOf<typeof ${renamed}> | EventOf<typeof ${deleted}>

export interface ${one.upper}State {
  readonly phase: 'none' | 'active' | 'deleted'
  readonly name: string
}

export const ${one.camel}: Decider<${one.upper}Command, ${one.upper}Event, ${one.upper}State> = {
  category: '${one.kebab}',
  initial: { phase: 'none', name: '' },

  decide(command, state) {
    if (command.type === 'create') return state.phase === 'none' ? [${created}.of({ data: { name: command.name } })] : refuse('${code('exists')}')
    if (state.phase === 'none') return refuse('${code('not-found')}')
    if (command.type === 'delete') return state.phase === 'deleted' ? [] : [${deleted}.of({ data: {} })]
    if (state.phase === 'deleted') return refuse('${code('not-found')}')
    return state.name === command.name ? [] : [${renamed}.of({ data: { name: command.name } })]
  },

  evolve(state, event) {
    switch (event.type) {
      case '${one.kebab}.created':
        return { phase: 'active', name: event.data.name }
      case '${one.kebab}.renamed':
        return { ...state, name: event.data.name }
      case '${one.kebab}.deleted':
        return { ...state, phase: 'deleted' }
    }
  },
}
`

const deciderSpec = ({ one, events: [created, renamed, deleted], code }) => `import { given } from '@pavan/kernel/spec.js'
import { ${created}, ${deleted}, ${renamed} } from '@pavan/contracts'
import { ${one.camel} } from './${one.kebab}.decider.js'

const created = ${created}.of({ data: { name: 'North' } })
const deleted = ${deleted}.of({ data: {} })

describe('${one.article} ${one.words}', () => {
  it('given nothing, when it is created, then it is', () => {
    expect(given(${one.camel}, []).when({ type: 'create', name: 'North' }).result).toEqual([created])
  })

  it('given one, when it is created again, then that is refused', () => {
    expect(given(${one.camel}, [created]).when({ type: 'create', name: 'South' }).result).toMatchObject({ code: '${code('exists')}' })
  })

  it('given one, when it is renamed to its own name, then nothing happens', () => {
    expect(given(${one.camel}, [created]).when({ type: 'rename', name: 'North' }).result).toEqual([])
    expect(given(${one.camel}, [created]).when({ type: 'rename', name: 'South' }).result).toEqual([${renamed}.of({ data: { name: 'South' } })])
  })

  it('given a deleted one, when it is deleted again, then nothing happens; renaming does not find it', () => {
    expect(given(${one.camel}, [created]).when({ type: 'delete' }).result).toEqual([deleted])
    expect(given(${one.camel}, [created, deleted]).when({ type: 'delete' }).result).toEqual([])
    expect(given(${one.camel}, [created, deleted]).when({ type: 'rename', name: 'x' }).result).toMatchObject({ code: '${code('not-found')}' })
    expect(given(${one.camel}, []).when({ type: 'rename', name: 'x' }).result).toMatchObject({ code: '${code('not-found')}' })
  })
})
`

const view = ({ one, many, events: [created, renamed, deleted] }) => `/** ${many.Title} for lists. */
import { ${created}, ${deleted}, ${renamed} } from '@pavan/contracts'
import { patch, put, remove, rowKey } from '@pavan/platform/views/changes.js'
import { defineView, on } from '@pavan/platform/views/define-view.js'
import { defineTable } from '@pavan/platform/views/rows.js'

export interface ${one.upper}Row {
  readonly tenant: string
  readonly id: string
  readonly name: string
  readonly createdAt: number
  readonly version: number
}

export const ${many.camel} = defineTable<${one.upper}Row>({
  name: '${many.kebab}',
  version: 1,
  durability: 'rebuildable',
  indexes: { byTenant: ['tenant', 'createdAt'] },
})

export const ${many.camel}View = defineView({
  name: '${many.kebab}',
  version: 1,
  tables: [${many.camel}],
  on: [
    on(${created}, (event) => {
      const { tenant, id } = event.stream
      return [put(${many.camel}, rowKey(event), { tenant, id, name: event.data.name, createdAt: event.at, version: event.version })]
    }),
    on(${renamed}, (event) => [patch(${many.camel}, rowKey(event), { name: event.data.name, version: event.version })]),
    on(${deleted}, (event) => [remove(${many.camel}, rowKey(event))]),
  ],
})
`

const viewSpec = ({ one, many, own, events: [created, renamed, deleted] }) => `import type { RecordedEvent } from '@pavan/kernel'
import { ${created}, ${deleted}, ${renamed}, type AnyEventType } from '@pavan/contracts'
import { patch, put, remove } from '@pavan/platform/views/changes.js'
import type { Current } from '@pavan/platform/views/define-view.js'
import { ${many.camel}, ${many.camel}View } from './${many.kebab}.view.js'

const recorded = (type: AnyEventType, data: object, version: number): RecordedEvent => ({
  id: 'evt_1',
  type: type.type,
  schema: 1,
  context: '${own.kebab}',
  stream: { tenant: 'ten_1', category: '${one.kebab}', id: 'one' },
  version,
  position: { p: 0, seq: version },
  at: 1_790_000_000_000,
  data,
  meta: { actor: { type: 'system', id: 'spec' } },
})
const changes = (type: AnyEventType, data: object, version: number) =>
  ${many.camel}View.on.find((handler) => handler.type === type)?.handle(recorded(type, data, version), {} as Current)

test('${one.article} ${one.words} is a row under its tenant, renamed with its version, and gone when deleted', () => {
  const row = { tenant: 'ten_1', id: 'one', name: 'North', createdAt: 1_790_000_000_000, version: 1 }
  expect(changes(${created}, { name: 'North' }, 1)).toEqual([put(${many.camel}, 'ten_1/one', row)])
  expect(changes(${renamed}, { name: 'South' }, 2)).toEqual([patch(${many.camel}, 'ten_1/one', { name: 'South', version: 2 })])
  expect(changes(${deleted}, {}, 3)).toEqual([remove(${many.camel}, 'ten_1/one')])
})
`

const http = ({ one, many, own, events, code }) => `/** ${many.Title} of the own tenant. */
import { Body, Controller, Delete, Get, Inject, Param, Patch, Post, Query, Res } from '@nestjs/common'
import { ${[...events].sort().join(', ')} } from '@pavan/contracts'
import { ${one.camel} as answer, ${one.camel}Input, ${one.camel}Page, ${one.camel}Param, ${one.camel}Query } from '@pavan/contracts/${own.kebab}/${one.kebab}.contract.js'
import { orThrow, RefusalError } from '@pavan/kernel'
import { Requires } from '@pavan/platform/access/requires.js'
import { Aggregates, type Aggregate } from '@pavan/platform/events/aggregates.js'
import { Answers, Refuses } from '@pavan/platform/http/answers.js'
import { Caller, type CallerIdentity } from '@pavan/platform/http/caller.js'
import { answerPosition, Command, type CommandEnvelope } from '@pavan/platform/http/command.js'
import { answerEtag, IfMatch } from '@pavan/platform/http/etag.js'
import { Rows } from '@pavan/platform/views/rows.js'
import type { FastifyReply } from 'fastify'
import type { z } from 'zod'
import { ${one.camel}, type ${one.upper}Command, type ${one.upper}Event, type ${one.upper}State } from './${one.kebab}.decider.js'
import { ${many.camel} } from './${many.kebab}.view.js'

const example = { id: 'one_01j9z3f8k2m4n6p8q0r2s4t6v8', name: 'North', createdAt: 1_790_000_000_000, version: 1 }

@Controller('/api/v1/${own.kebab}/${many.kebab}')
export class ${one.upper}Controller {
  private readonly all: Aggregate<${one.upper}Command, ${one.upper}Event, ${one.upper}State>

  constructor(
    @Inject(Aggregates) aggregates: Aggregates,
    @Inject(Rows) private readonly rows: Rows,
  ) {
    this.all = aggregates.of(${one.camel}, { events: [${events.join(', ')}] })
  }

  @Post()
  @Requires('create', '${many.kebab}')
  @Answers(201, answer.pick({ id: true }), { summary: 'Create ${one.article} ${one.words}', example: { id: example.id } })
  async create(
    @Caller() caller: CallerIdentity,
    @Body({ schema: ${one.camel}Input }) body: z.output<typeof ${one.camel}Input>,
    @Command() command: CommandEnvelope,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const id = command.newId('${one.camel}')
    await this.handle(caller.tenant, id, command, { type: 'create', ...body }, reply)
    return { id }
  }

  @Get()
  @Requires('read', '${many.kebab}')
  @Answers(200, ${one.camel}Page, { summary: 'List ${many.words}', description: 'Oldest first.', example: { items: [example] } })
  list(@Caller() caller: CallerIdentity, @Query({ schema: ${one.camel}Query }) query: z.output<typeof ${one.camel}Query>) {
    return this.rows.find(${many.camel}, { index: 'byTenant', where: { tenant: caller.tenant }, ...query })
  }

  @Get(':id')
  @Requires('read', '${many.kebab}')
  @Answers(200, answer, { summary: 'Read ${one.article} ${one.words}', example })
  @Refuses('${code('not-found')}')
  async one(@Caller() { tenant }: CallerIdentity, @Param('id', { schema: ${one.camel}Param }) id: string, @Res({ passthrough: true }) reply: FastifyReply) {
    const row = await this.rows.get(${many.camel}, \`\${tenant}/\${id}\`)
    if (!row) throw new RefusalError('${code('not-found')}')
    answerEtag(reply, row.version)
    return row
  }

  @Patch(':id')
  @Requires('update', '${many.kebab}')
  @Answers(204, undefined, { summary: 'Rename ${one.article} ${one.words}' })
  @Refuses('${code('not-found')}')
  async rename(
    @Caller() caller: CallerIdentity,
    @Param('id', { schema: ${one.camel}Param }) id: string,
    @Body({ schema: ${one.camel}Input }) body: z.output<typeof ${one.camel}Input>,
    @IfMatch() expected: number | undefined,
    @Command() command: CommandEnvelope,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    await this.handle(caller.tenant, id, command, { type: 'rename', ...body }, reply, expected)
  }

  @Delete(':id')
  @Requires('delete', '${many.kebab}')
  @Answers(204, undefined, { summary: 'Delete ${one.article} ${one.words}' })
  @Refuses('${code('not-found')}')
  async remove(
    @Caller() caller: CallerIdentity,
    @Param('id', { schema: ${one.camel}Param }) id: string,
    @Command() command: CommandEnvelope,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    await this.handle(caller.tenant, id, command, { type: 'delete' }, reply)
  }

  private async handle(tenant: string, id: string, { meta }: CommandEnvelope, command: ${one.upper}Command, reply: FastifyReply, expected?: number): Promise<void> {
    answerPosition(reply, orThrow(await this.all.handle({ tenant, id, meta }, command, { expected })).position)
  }
}
`
