// A view of events that exist: rows to read by.
import { addImports, addToProperty } from './edits.mjs'
import { spell } from './names.mjs'

export const usage = 'view <service> <plural-noun> <event, such as tenantCreated>'

export function view([service, plural, event]) {
  const many = spell(plural)
  const folder = `libs/services/${service}/src`
  return {
    create: {
      [`${folder}/${plural}/${plural}.view.ts`]: source(many, event),
      [`${folder}/${plural}/${plural}.view.spec.ts`]: spec(many, event),
    },
    edit: {
      [`${folder}/${service}.service.ts`]: (text) =>
        addToProperty(addImports(text, [`import { ${many.camel}View } from './${plural}/${plural}.view.js'`]), 'views', [`${many.camel}View`]),
    },
    next: `Say what a row holds in ${folder}/${plural}/${plural}.view.ts. Raise the version of table and view whenever either changes later.`,
  }
}

const source = (many, event) => `/** ${many.Title}. */
import { ${event} } from '@pavan/contracts'
import { put, rowKey } from '@pavan/platform/views/changes.js'
import { defineView, on } from '@pavan/platform/views/define-view.js'
import { defineTable } from '@pavan/platform/views/rows.js'

export interface ${many.upper}Row {
  readonly tenant: string
  readonly id: string
  readonly at: number
}

export const ${many.camel} = defineTable<${many.upper}Row>({ name: '${many.kebab}', version: 1, durability: 'rebuildable', indexes: { byTenant: ['tenant', 'at'] } })

export const ${many.camel}View = defineView({
  name: '${many.kebab}',
  version: 1,
  tables: [${many.camel}],
  on: [
    on(${event}, (event) => {
      const { tenant, id } = event.stream
      return [put(${many.camel}, rowKey(event), { tenant, id, at: event.at })]
    }),
  ],
})
`

const spec = (many, event) => `import type { RecordedEvent } from '@pavan/kernel'
import { ${event} } from '@pavan/contracts'
import { put } from '@pavan/platform/views/changes.js'
import type { Current } from '@pavan/platform/views/define-view.js'
import { ${many.camel}, ${many.camel}View } from './${many.kebab}.view.js'

const recorded = (tenant: string): RecordedEvent => ({
  id: 'evt_1',
  type: ${event}.type,
  schema: 1,
  context: 'spec',
  stream: { tenant, category: 'spec', id: 'one' },
  version: 1,
  position: { p: 0, seq: 1 },
  at: 1_790_000_000_000,
  data: {},
  meta: { actor: { type: 'system', id: 'spec' } },
})
const changes = (tenant: string) => ${many.camel}View.on.find(({ type }) => type === ${event})?.handle(recorded(tenant), {} as Current)

test('equal ids of two tenants are two rows', () => {
  for (const tenant of ['ten_1', 'ten_2']) {
    expect(changes(tenant)).toEqual([put(${many.camel}, \`\${tenant}/one\`, { tenant, id: 'one', at: 1_790_000_000_000 })])
  }
})
`
