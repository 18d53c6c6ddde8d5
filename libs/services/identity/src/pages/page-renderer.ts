/** Turns a template, a tenant's look and a language into a page with its security headers. */
import { randomBytes } from 'node:crypto'
import { Injectable } from '@nestjs/common'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Liquid, type Template } from 'liquidjs'
import { defaultTenantSettings } from '@pavan/contracts'
import type { Tenant } from '../oidc/tenant-directory.js'
import { Recent } from '../oidc/recent.js'
import { readableOnWhite, textOn } from './contrast.js'
import { acceptedLanguages, chooseLanguage, languages, type Language, type PageProblem } from './messages.js'
import { templates, type TemplateName } from './templates.js'

type Look = Pick<Tenant, 'name' | 'settings'>

export interface PageInput {
  readonly template: TemplateName
  readonly title: (t: (typeof languages)[Language]['messages']) => string
  readonly lead?: (t: (typeof languages)[Language]['messages']) => string
  readonly problem?: PageProblem
  /** What has just been done. */
  readonly done?: (t: (typeof languages)[Language]['messages']) => string
  /** Wanted languages, best first. */
  readonly wanted: readonly string[]
  readonly values?: Readonly<Record<string, unknown>>
  /** Origin that a form may lead to besides ours. */
  readonly leadsTo?: string
  readonly status?: number
  /** Id of the visit as it stands in the values, for a page with nothing else of one person: it is kept, and the next visit gets it with its own id. */
  readonly visit?: string
}

export interface Rendered {
  readonly html: string
  /** Content-Security-Policy of the page. */
  readonly policy: string
}

const busySeconds = 2
/** Kept pages of a tenant, 6 KB each: one for each client and language. */
const keptPages = 100

/** The look of pages that belong to no tenant. */
export const plainLook: Look = { name: 'Pavan', settings: defaultTenantSettings }

@Injectable()
export class PageRenderer {
  readonly #liquid = new Liquid({ outputEscape: 'escape' })
  readonly #parsed = new Map<TemplateName, Template[]>()
  /** A tenant's row is another object as soon as something of it changes. */
  readonly #kept = new WeakMap<Look, Recent<Rendered>>()
  /** Where id and nonce go in a kept page; nobody outside can know them. */
  readonly #places = { visit: randomBytes(16).toString('hex'), nonce: randomBytes(16).toString('hex') }

  language({ settings }: Look, wanted: readonly string[]): Language {
    return chooseLanguage(wanted, settings.languages.offered, settings.languages.default)
  }

  /** A text of the language that the page will have. */
  text(look: Look, wanted: readonly string[], pick: NonNullable<PageInput['lead']>, values: PageInput['values']): string {
    const { messages, direction } = languages[this.language(look, wanted)]
    return fillIn(pick(messages), values, direction === 'rtl')
  }

  scopeText(look: Look, wanted: readonly string[], scope: string): string {
    const { scopes } = languages[this.language(look, wanted)].messages
    return Object.hasOwn(scopes, scope) ? scopes[scope as keyof typeof scopes] : scope
  }

  render(look: Look, input: PageInput): Rendered {
    const language = this.language(look, input.wanted)
    const nonce = randomBytes(16).toString('base64url')
    const { visit } = input
    if (visit === undefined) return this.#make(look, input, language, nonce)
    const { messages } = languages[language]
    const values = JSON.stringify(input.values).replaceAll(visit, this.#places.visit)
    const key = JSON.stringify([input.template, language, input.leadsTo, input.title(messages), input.lead?.(messages), values])
    let kept = this.#kept.get(look)
    if (!kept) this.#kept.set(look, (kept = new Recent(keptPages)))
    let page = kept.get(key)
    if (!page) kept.set(key, (page = this.#make(look, { ...input, values: JSON.parse(values) as PageInput['values'] }, language, this.#places.nonce)))
    return {
      html: page.html.replaceAll(this.#places.visit, visit).replaceAll(this.#places.nonce, nonce),
      policy: page.policy.replaceAll(this.#places.nonce, nonce),
    }
  }

  #make(look: Look, input: PageInput, language: Language, nonce: string): Rendered {
    const { messages: t, direction } = languages[language]
    const { branding, password } = look.settings
    const rightToLeft = direction === 'rtl'
    let parsed = this.#parsed.get(input.template)
    if (!parsed) this.#parsed.set(input.template, (parsed = this.#liquid.parse(templates[input.template])))
    const html = this.#liquid.renderSync(parsed, {
      ...input.values,
      t,
      initial: [...(branding.displayName ?? look.name)][0]?.toUpperCase(),
      language,
      direction,
      nonce,
      brand: branding.displayName ?? look.name,
      color: branding.primaryColor,
      onColor: textOn(branding.primaryColor),
      linkColor: readableOnWhite(branding.primaryColor),
      logo: branding.logoUrl,
      minLength: password.minLength,
      lengthHint: fillIn(t.lengthHint, { minLength: password.minLength }),
      title: fillIn(input.title(t), input.values, rightToLeft),
      lead: input.lead && fillIn(input.lead(t), input.values, rightToLeft),
      problem: input.problem && t.problems[input.problem],
      done: input.done?.(t),
    }) as string
    const logo = branding.logoUrl ? ` ${new URL(branding.logoUrl).origin}` : ''
    // A browser applies form-action to the redirects after a form too, and schemes of native applications cannot be named.
    const forms = input.leadsTo ? `; form-action 'self' ${input.leadsTo}` : ''
    return { html, policy: `default-src 'none'; style-src 'nonce-${nonce}'; img-src 'self'${logo}; base-uri 'none'; frame-ancestors 'none'${forms}` }
  }

  send(reply: FastifyReply, look: Look, input: PageInput): void {
    const { html, policy } = this.render(look, input)
    // Whoever comes when too much is under way is told at once, and when to come again (RFC 9110 section 15.6.4).
    if (input.problem === 'busy') void reply.header('retry-after', String(busySeconds))
    void reply
      .status(input.status ?? (input.problem === 'busy' ? 503 : input.problem ? 400 : 200))
      .header('content-security-policy', policy)
      .header('cache-control', 'no-store')
      .type('text/html; charset=utf-8')
      .send(html)
  }
}

/** `isolated` keeps a value from left to right, such as an address, from moving the marks around it (Unicode 16, UAX 9: FSI and PDI). */
const fillIn = (text: string, values: PageInput['values'] = {}, isolated = false): string =>
  text.replace(/\{(\w+)\}/g, (whole, key: string) => {
    const value = values[key]
    return value === undefined ? whole : isolated ? `\u2068${String(value)}\u2069` : String(value)
  })

export const noSuchTenant = (pages: PageRenderer, request: FastifyRequest, reply: FastifyReply): void =>
  pages.send(reply, plainLook, {
    template: 'notice',
    title: (t) => t.failed,
    lead: (t) => t.goBack,
    wanted: acceptedLanguages(request.headers['accept-language']),
    status: 404,
  })
