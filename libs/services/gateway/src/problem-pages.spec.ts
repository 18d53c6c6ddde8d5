import fastify from 'fastify'
import { commonProblems } from '@pavan/contracts'
import type { ServiceDirectory } from '@pavan/platform/service/service-directory.js'
import { problemPages, problemsIn } from './problem-pages.js'

const shop = { 'shop.cart.empty': { status: 409, title: 'Nothing <in> it', detail: 'Add at most {limit} things.' } }
const directory = { list: () => [{ title: 'Shop', problems: { ...commonProblems, ...shop } }] } as unknown as ServiceDirectory
const server = fastify()
problemPages(server, directory)
afterAll(() => server.close())

test('the list links every code of every service once', async () => {
  const { headers, body } = await server.inject('/problems')
  expect(headers['content-type']).toBe('text/html; charset=utf-8')
  const linked = [...body.matchAll(/href="\/problems\/([^"]+)"/g)].map(([, code]) => code)
  expect(linked.sort()).toEqual([...Object.keys(commonProblems), 'shop.cart.empty'].sort())
})

test.each([...problemsIn(directory).keys()])('%s has a page with its status', async (code) => {
  const { statusCode, body } = await server.inject(`/problems/${code}`)
  expect(statusCode).toBe(200)
  expect(body).toContain(`<dd>${problemsIn(directory).get(code)?.status}</dd>`)
})

test('pages show the icon, and their policy lets them', async () => {
  const { body, headers } = await server.inject('/problems')
  expect(body).toContain('<link rel="icon" href="/favicon.ico">')
  expect(headers['content-security-policy']).toContain("img-src 'self'")
})

test('texts are escaped and their parameters marked', async () => {
  const { body } = await server.inject('/problems/shop.cart.empty')
  expect(body).toContain('<h1>Nothing &#60;in&#62; it</h1>')
  expect(body).toContain('Add at most <em>limit</em> things.')
})

test.each(['no.such.code', '__proto__', 'constructor', '%3Cscript%3E'])('%s is not found', async (code) => {
  expect((await server.inject(`/problems/${code}`)).body).toContain('request.route.not-found')
})
