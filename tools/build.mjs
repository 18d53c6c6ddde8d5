// Compiles the sources of every workspace to its dist folder with swc; specs stay out.
import { transform } from '@swc/core'
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

const options = JSON.parse(readFileSync('.swcrc', 'utf8'))
const sources = globSync('{libs,apps}/**/src/**/*.ts').filter((file) => !/node_modules|\/dist\/|\.spec\.ts$/.test(file))
for (const folder of new Set(sources.map((file) => file.split('/src/')[0]))) rmSync(`${folder}/dist`, { recursive: true, force: true })
await Promise.all(
  sources.map(async (file) => {
    const target = file.replace('/src/', '/dist/').replace(/\.ts$/, '.js')
    const { code, map } = await transform(readFileSync(file, 'utf8'), { ...options, filename: file, swcrc: false })
    mkdirSync(dirname(target), { recursive: true })
    writeFileSync(target, `${code}\n//# sourceMappingURL=${target.split('/').at(-1)}.map\n`)
    writeFileSync(`${target}.map`, map)
  }),
)
