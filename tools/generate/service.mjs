// A new service: library, contract, app. It joins the all-in-one by one line there.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../support/node.mjs'
import { addBefore, addImports } from './edits.mjs'
import { spell } from './names.mjs'

/** An app is the same few lines for every service: the one of analytics is the model. */
const model = join(root, 'apps/analytics/src/main.ts')

const image = join(root, 'apps/analytics/Dockerfile')

export const usage = 'service <name>'

const targets = { build: {}, typecheck: {}, test: {}, lint: {} }
const manifest = (name, dependencies) =>
  `${JSON.stringify(
    {
      name,
      version: '0.1.0',
      private: true,
      license: 'Apache-2.0',
      type: 'module',
      exports: { '.': { '@pavan/source': './src/index.ts', default: './dist/index.js' }, './*.js': { '@pavan/source': './src/*.ts', default: './dist/*.js' } },
      dependencies: Object.fromEntries(dependencies.map((one) => [`@pavan/${one}`, '*'])),
      nx: { targets },
    },
    null,
    2,
  )}\n`

export function service([name]) {
  const own = spell(name)
  const library = `libs/services/${name}`
  return {
    create: {
      [`${library}/package.json`]: manifest(`@pavan/${name}`, ['contracts', 'platform']),
      [`${library}/src/index.ts`]: `/** ${own.Title}. */\nexport { ${own.camel}Service } from './${name}.service.js'\n`,
      [`${library}/src/${name}.problems.ts`]: `import type { ProblemList } from '@pavan/contracts'\n\n/** Every refusal of the ${own.words} service. */\nexport const ${own.camel}Problems = {\n} as const satisfies ProblemList\n`,
      [`${library}/src/${name}.service.ts`]: definition(own),
      [`${library}/src/${name}.service.spec.ts`]: definitionSpec(own),
      [`libs/contracts/src/events/${name}.events.ts`]: `import { z } from 'zod'\nimport { defineEvent } from './define-event.js'\n\nexport const ${own.camel}Started = defineEvent('${name}.started', 'The ${own.words} service began its work.', { data: z.object({}) })\n\nexport const ${own.camel}Events = [${own.camel}Started] as const\n`,
      [`apps/${name}/package.json`]: manifest(`@pavan/app-${name}`, [name, 'platform', 'sqlite']),
      ...(existsSync(model) && { [`apps/${name}/src/main.ts`]: main(own) }),
      ...(existsSync(image) && { [`apps/${name}/Dockerfile`]: readFileSync(image, 'utf8').replaceAll('analytics', name) }),
    },
    edit: {
      'libs/contracts/src/index.ts': (text) => addBefore(text, /^export \* from '\.\/http\/paging\.js'/m, `export * from './events/${name}.events.js'\n`),
      'libs/contracts/src/events/catalogue.ts': (text) =>
        addImports(text, [`import { ${own.camel}Events } from './${name}.events.js'`]).replace(
          '[...identityEvents,',
          `[...identityEvents, ...${own.camel}Events,`,
        ),
      'libs/contracts/src/events/context-of.ts': (text) =>
        addBefore(
          addImports(text, [`import { ${own.camel}Events } from './${name}.events.js'`]).replace("['identity',", `['identity', '${name}',`),
          /^ {2}\[storePurged\.type/m,
          `  ...${own.camel}Events.map((event) => [event.type, ['${name}']] as const),\n`,
        ),
      'tools/lint/rooms.mjs': (text) => text.replace("const services = ['identity',", `const services = ['identity', '${name}',`),
    },
    next: `Run "npm install" to link it, add ${own.camel}Service to apps/all-in-one/src/main.ts, then "npm run generate -- aggregate ${name} <noun>".`,
  }
}

const definition = (own) => `import { ${own.camel}Events } from '@pavan/contracts'
import { defineService } from '@pavan/platform/service/define-service.js'
import { ${own.camel}Problems } from './${own.kebab}.problems.js'

export const ${own.camel}Service = defineService({
  name: '${own.kebab}',
  title: '${own.Title}',
  controllers: [],
  views: [],
  events: ${own.camel}Events,
  problems: ${own.camel}Problems,
  routes: ['/api/v1/${own.kebab}'],
})
`

const definitionSpec = (own) => `import { contextsOf } from '@pavan/contracts'
import { ${own.camel}Service } from './${own.kebab}.service.js'

test('its events are in the catalogue under its own context, its routes under its own prefix', () => {
  for (const { type } of ${own.camel}Service.events ?? []) expect(contextsOf(type)).toContain('${own.kebab}')
  for (const route of ${own.camel}Service.routes) expect(route).toMatch(/^\\/api\\/v1\\/${own.kebab}/)
})
`

const main = (own) =>
  readFileSync(model, 'utf8').replaceAll('analyticsService', `${own.camel}Service`).replaceAll('analytics', own.kebab).replaceAll('Analytics', own.Title)
