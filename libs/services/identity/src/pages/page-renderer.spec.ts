import { defaultTenantSettings } from '@pavan/contracts'
import { PageRenderer, type PageInput } from './page-renderer.js'

const pages = new PageRenderer()
const look = (name: string) => ({ name, settings: defaultTenantSettings })
const page = (visit: string | undefined, { client = 'Shop', id = visit, wanted = ['en'] } = {}): PageInput => ({
  template: 'sign-in',
  title: (t) => t.signIn,
  lead: (t) => t.signInTo,
  wanted,
  leadsTo: 'https://shop.example',
  values: {
    email: '',
    client,
    action: `/t/acme/interaction/${id}`,
    cancelable: true,
    forgotUrl: `/t/acme/interaction/${id}?step=forgot`,
    signUpUrl: undefined,
  },
  visit,
})
const withoutNonce = ({ html, policy }: { html: string; policy: string }) => {
  const nonce = /nonce="([^"]+)"/.exec(html)?.[1] as string
  expect(policy).toContain(`'nonce-${nonce}'`)
  return { nonce, html: html.replace(nonce, ''), policy: policy.replace(nonce, '') }
}

test('a kept page is the page that would be made, with the id of its own visit and a nonce of its own', () => {
  const tenant = look('Acme')
  const [first, second] = [withoutNonce(pages.render(tenant, page('visit-1'))), withoutNonce(pages.render(tenant, page('visit-2')))]
  const made = withoutNonce(pages.render(tenant, page(undefined, { id: 'visit-2' })))
  expect(second).toEqual({ ...made, nonce: second.nonce })
  expect(second.html).not.toContain('visit-1')
  expect(first.html).toContain('/t/acme/interaction/visit-1?step=forgot')
  expect(new Set([first.nonce, second.nonce, made.nonce]).size).toBe(3)
})

test('another client, language, look or name of the tenant is another page', () => {
  const tenant = look('Acme')
  const kept = pages.render(tenant, page('visit-1')).html
  expect(pages.render(tenant, page('visit-1', { client: 'Forum' })).html).toContain('Forum')
  expect(pages.render(tenant, page('visit-1', { wanted: ['ar'] })).html).not.toBe(kept)
  expect(pages.render(look('Bcme'), page('visit-1')).html).toContain('Bcme')
})

test('the icon of a page is the logo of the tenant, or else that of the system, and its policy lets it be read', () => {
  const iconOf = ({ html, policy }: { html: string; policy: string }) => [
    /<link rel="icon" href="([^"]+)">/.exec(html)?.[1],
    /img-src ([^;]+)/.exec(policy)?.[1],
  ]
  const logoUrl = 'https://acme.example/logo.svg'
  const branded = { name: 'Acme', settings: { ...defaultTenantSettings, branding: { ...defaultTenantSettings.branding, logoUrl } } }
  expect(iconOf(pages.render(look('Acme'), page('visit-1')))).toEqual(['/favicon.ico', "'self'"])
  expect(iconOf(pages.render(branded, page('visit-1')))).toEqual([logoUrl, "'self' https://acme.example"])
})
