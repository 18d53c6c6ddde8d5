/** The pages of the protocol itself in the look of the hosted pages. */
import { Inject, Injectable } from '@nestjs/common'
import { signInFlow } from '../flow/sign-in-flow.js'
import type { WaitingRequest } from '../oidc/interaction.js'
import { ProviderPages, type PageContext } from '../oidc/provider-pages.js'
import { PageRenderer, type PageInput, type Rendered } from './page-renderer.js'
import { stepPage } from './step-page.js'

@Injectable()
export class HostedProviderPages extends ProviderPages {
  constructor(@Inject(PageRenderer) private readonly renderer: PageRenderer) {
    super()
  }

  override waiting({ tenant, locales }: PageContext, waiting: WaitingRequest): Rendered | undefined {
    // To open the form of a sign-up is a fact of its own, and a consent names the person.
    if (waiting.step !== 'login' || waiting.wantsSignUp) return undefined
    return this.renderer.render(tenant, stepPage({ step: signInFlow.start, trail: [] }, { tenant, waiting, wanted: locales }))
  }

  override error(context: PageContext, failure: { readonly error: string; readonly description?: string }): Rendered {
    const detail = [failure.error, failure.description].filter(Boolean).join(': ')
    return this.#render(context, { template: 'notice', title: (t) => t.failed, lead: (t) => t.goBack, values: { detail } })
  }

  override logout(context: PageContext, form: string): Rendered {
    return this.#render(context, { template: 'logout', title: (t) => t.signOutQuestion, values: { form } })
  }

  override loggedOut(context: PageContext): Rendered {
    return this.#render(context, { template: 'notice', title: (t) => t.signedOut, lead: (t) => t.closePage })
  }

  #render({ tenant, locales }: PageContext, page: Omit<PageInput, 'wanted'>): Rendered {
    return this.renderer.render(tenant, { ...page, wanted: locales })
  }
}
