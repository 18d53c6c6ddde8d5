/** Turns a template, a tenant's look and a language into a page with its security headers. */
import { randomBytes } from 'node:crypto'
import { Injectable } from '@nestjs/common'
import type { FastifyReply } from 'fastify'
import { Liquid, type Template } from 'liquidjs'
import { defaultTenantSettings } from '@pavan/contracts'
import type { Tenant } from '../oidc/tenant-directory.js'
import { chooseLanguage, languages, type Language, type PageProblem } from './messages.js'
import { templates, type TemplateName } from './templates.js'

type Look = Pick<Tenant, 'name' | 'settings'>

export interface PageInput {
  readonly template: TemplateName
  readonly title: (t: (typeof languages)[Language]['messages']) => string
  readonly lead?: (t: (typeof languages)[Language]['messages']) => string
  readonly problem?: PageProblem
  /** Wanted languages, best first. */
  readonly wanted: readonly string[]
  readonly values?: Readonly<Record<string, unknown>>
  /** Origin that a form may lead to besides ours. */
  readonly leadsTo?: string
  readonly status?: number
}

export interface Rendered {
  readonly html: string
  readonly nonce: string
}

/** The look of pages that belong to no tenant. */
export const plainLook: Look = { name: 'Pavan', settings: defaultTenantSettings }

@Injectable()
export class PageRenderer {
  readonly #liquid = new Liquid({ outputEscape: 'escape' })
  readonly #parsed = new Map<TemplateName, Template[]>()

  language({ settings }: Look, wanted: readonly string[]): Language {
    return chooseLanguage(wanted, settings.languages.offered, settings.languages.default)
  }

  scopeText(look: Look, wanted: readonly string[], scope: string): string {
    const { scopes } = languages[this.language(look, wanted)].messages
    return Object.hasOwn(scopes, scope) ? scopes[scope as keyof typeof scopes] : scope
  }

  render(look: Look, input: PageInput): Rendered {
    const language = this.language(look, input.wanted)
    const { messages: t, direction } = languages[language]
    const { branding, password } = look.settings
    const nonce = randomBytes(16).toString('base64url')
    let parsed = this.#parsed.get(input.template)
    if (!parsed) this.#parsed.set(input.template, (parsed = this.#liquid.parse(templates[input.template])))
    const html = this.#liquid.renderSync(parsed, {
      ...input.values,
      t,
      language,
      direction,
      nonce,
      brand: branding.displayName ?? look.name,
      color: branding.primaryColor,
      logo: branding.logoUrl,
      minLength: password.minLength,
      title: fillIn(input.title(t), input.values),
      lead: input.lead && fillIn(input.lead(t), input.values),
      problem: input.problem && t.problems[input.problem],
    }) as string
    return { html, nonce }
  }

  send(reply: FastifyReply, look: Look, input: PageInput): void {
    const { html, nonce } = this.render(look, input)
    const logo = look.settings.branding.logoUrl ? ` ${new URL(look.settings.branding.logoUrl).origin}` : ''
    // A browser applies form-action to the redirects after a form too, and schemes of native applications cannot be named.
    const forms = input.leadsTo ? `; form-action 'self' ${input.leadsTo}` : ''
    void reply
      .status(input.status ?? (input.problem ? 400 : 200))
      .header(
        'content-security-policy',
        `default-src 'none'; style-src 'nonce-${nonce}'; img-src 'self'${logo}; base-uri 'none'; frame-ancestors 'none'${forms}`,
      )
      .header('cache-control', 'no-store')
      .type('text/html; charset=utf-8')
      .send(html)
  }
}

const fillIn = (text: string, values: PageInput['values'] = {}): string => text.replace(/\{(\w+)\}/g, (whole, key: string) => String(values[key] ?? whole))
