/** The few pages that the protocol itself shows. The hosted pages replace this class with their own look. */
import { Injectable } from '@nestjs/common'
import type { WaitingRequest } from './interaction.js'
import type { Tenant } from './tenant-directory.js'

export interface PageContext {
  readonly tenant: Tenant
  /** `Accept-Language` and `ui_locales`, best first. */
  readonly locales: readonly string[]
}

export interface ProviderPage {
  readonly html: string
  /** Content-Security-Policy of the page. */
  readonly policy: string
}

const escape = (text: string): string => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)

const page = (context: PageContext, title: string, body: string): ProviderPage => ({
  policy: "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
  html: `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${escape(title)} · ${escape(context.tenant.name)}</title></head>
<body><main><h1>${escape(title)}</h1>${body}</main></body>
</html>`,
})

@Injectable()
export class ProviderPages {
  /** The first page of a request that waits for a person; undefined where it has to be asked for at its own URL. */
  waiting(_context: PageContext, _waiting: WaitingRequest): ProviderPage | undefined {
    return undefined
  }

  /** The request cannot be answered to the client. `error` is an OAuth code such as `invalid_request`; nothing in it is trusted text. */
  error(context: PageContext, failure: { readonly error: string; readonly description?: string; readonly status: number }): ProviderPage {
    const detail = failure.description ? `<p>${escape(failure.description)}</p>` : ''
    return page(context, 'This did not work', `<p>Go back to the application and try again.</p>${detail}<p><code>${escape(failure.error)}</code></p>`)
  }

  /** `form` holds the hidden fields of the form with the id `op.logoutForm`; its button must be named `logout` and send `yes`. */
  logout(context: PageContext, form: string): ProviderPage {
    return page(context, 'Sign out?', `${form}<button type="submit" form="op.logoutForm" name="logout" value="yes" autofocus>Sign out</button>`)
  }

  loggedOut(context: PageContext): ProviderPage {
    return page(context, 'You are signed out', '<p>You can close this page.</p>')
  }
}
