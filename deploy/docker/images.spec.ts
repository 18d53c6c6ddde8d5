/** What an image is made of: the program of one app without anything of others, and one Dockerfile for each app that differs in the name alone. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')
const apps = readdirSync(join(root, 'apps')).filter((app) => existsSync(join(root, 'apps', app, 'Dockerfile')))
const dockerfile = (app: string) => readFileSync(join(root, 'apps', app, 'Dockerfile'), 'utf8')

test('every service has an image, and they differ in the name alone', () => {
  const services = readdirSync(join(root, 'libs/services'))
  expect(apps).toEqual([...services, 'cli'].sort())
  for (const app of services) expect(dockerfile(app).replaceAll(app, '<app>')).toBe(dockerfile('gateway').replaceAll('gateway', '<app>'))
  expect(dockerfile('cli').replaceAll('cli', '<app>')).toBe(dockerfile('gateway').replaceAll('gateway', '<app>').replace('EXPOSE 8080\n', ''))
})

test('an image runs as nobody special, by number, and installs nothing for development', () => {
  const [, last = ''] = dockerfile('identity').split(/^FROM .*-slim$/m)
  expect(last).toMatch(/^USER [1-9]\d*:[1-9]\d*$/m)
  expect(last).not.toMatch(/RUN|COPY \. /)
  expect(dockerfile('identity')).toMatch(/npm ci --omit=dev --ignore-scripts/)
})

test('a packed program has its own code and no sources, specs or other services', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pavan-pack-'))
  try {
    const { status, stderr } = spawnSync(process.execPath, [join(root, 'deploy/docker/pack.mjs'), 'identity', folder], { encoding: 'utf8' })
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(readdirSync(folder).sort()).toEqual(['apps', 'node_modules'])
    expect(readdirSync(join(folder, 'node_modules/@pavan'))).toEqual(expect.arrayContaining(['contracts', 'identity', 'kernel', 'platform']))
    expect(readdirSync(join(folder, 'node_modules/@pavan'))).not.toContain('audit')
    const files = readdirSync(folder, { recursive: true }).map(String)
    expect(files).toContain('apps/identity/dist/main.js')
    expect(files.filter((file) => /\.ts$|\.map$|\.spec\.js$|\/(testing|spec)\//.test(file))).toEqual([])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('what cannot be packed is told', () => {
  for (const args of [[], ['identity'], ['../libs', '/tmp/x'], ['nothing', '/tmp/x']]) {
    expect(spawnSync(process.execPath, [join(root, 'deploy/docker/pack.mjs'), ...args]).status).toBe(1)
  }
})
