import { complete, platformOf } from './lock-complete.mjs'

type Packages = Record<string, Record<string, unknown>>

test.each([
  ['@oxlint/binding-linux-x64-musl', { os: ['linux'], cpu: ['x64'], libc: ['musl'] }],
  ['@oxlint/binding-linux-arm-gnueabihf', { os: ['linux'], cpu: ['arm'], libc: ['glibc'] }],
  ['@swc/core-win32-x64-msvc', { os: ['win32'], cpu: ['x64'] }],
  ['@nx/nx-darwin-arm64', { os: ['darwin'], cpu: ['arm64'] }],
])('the name %s tells the platform', (name, limits) => expect(platformOf(name)).toEqual(limits))

test('a missing optional package is added with the version of its parent', () => {
  const packages: Packages = { '': {}, 'node_modules/tool': { dev: true, optionalDependencies: { '@tool/linux-x64': '1.2.3', '@tool/darwin-arm64': '1.2.3' } } }
  packages['node_modules/@tool/linux-x64'] = { version: '1.2.3', optional: true }
  expect(complete(packages)).toEqual(['@tool/darwin-arm64'])
  expect(packages['node_modules/@tool/darwin-arm64']).toEqual({ version: '1.2.3', dev: true, optional: true, os: ['darwin'], cpu: ['arm64'] })
  expect(complete(packages)).toEqual([])
})

test('another version of the same package further up does not count', () => {
  const packages: Packages = {
    '': {},
    'node_modules/@tool/darwin-arm64': { version: '2.0.0', optional: true },
    'node_modules/a/node_modules/tool': { optionalDependencies: { '@tool/darwin-arm64': '1.2.3' } },
  }
  complete(packages)
  expect(packages['node_modules/a/node_modules/tool/node_modules/@tool/darwin-arm64']).toMatchObject({ version: '1.2.3', os: ['darwin'] })
})

test('a name without a platform is not guessed', () => {
  const packages: Packages = { 'node_modules/tool': { optionalDependencies: { helper: '1.0.0' } } }
  expect(() => complete(packages)).toThrow('add it by hand')
})
