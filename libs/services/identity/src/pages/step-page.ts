/** The pages of the steps of a flow, for an authorization request that waits: what each shows and where it leads. */
import type { FlowState } from '../flow/flow.js'
import type { WaitingRequest } from '../oidc/interaction.js'
import type { Tenant } from '../oidc/tenant-directory.js'
import type { PageProblem } from './messages.js'
import type { PageInput } from './page-renderer.js'

/** Where a waiting request is shown and acted upon. */
export const waitingUrl = ({ slug, uid }: WaitingRequest): string => `/t/${slug}/interaction/${uid}`

export const stepUrl = (waiting: WaitingRequest, step: string, more = ''): string => `${waitingUrl(waiting)}?step=${step}${more}`

export interface Shown {
  readonly tenant: Tenant
  readonly waiting: WaitingRequest
  /** Wanted languages, best first. */
  readonly wanted: readonly string[]
  /** What was typed before, and the challenge that is under way. */
  readonly values?: Readonly<Record<string, unknown>>
  readonly problem?: PageProblem
  readonly resent?: boolean
}

/** What all pages of a waiting request have in common. */
export const commonPage = ({ tenant, waiting, wanted, values, problem, resent }: Shown) => ({
  wanted,
  problem,
  done: resent ? (t: { resent: string }) => t.resent : undefined,
  leadsTo: waiting.returnOrigin,
  values: {
    email: waiting.loginHint ?? '',
    ...values,
    client: waiting.client.name,
    action: waitingUrl(waiting),
    cancelable: true,
    signInUrl: stepUrl(waiting, 'sign-in'),
    forgotUrl: stepUrl(waiting, 'forgot'),
    signUpUrl: tenant.settings.registration.open ? stepUrl(waiting, 'sign-up') : undefined,
  },
})

type Titled = Pick<PageInput, 'template' | 'title' | 'lead'>

const signIn: Titled = { template: 'sign-in', title: (t) => t.signIn, lead: (t) => t.signInTo }
const titles: Readonly<Record<string, Titled>> = {
  'sign-in': signIn,
  'sign-up': { template: 'sign-up', title: (t) => t.create, lead: (t) => t.signInTo },
  verify: { template: 'verify', title: (t) => t.checkMail, lead: (t) => t.codeSent },
  forgot: { template: 'forgot', title: (t) => t.resetTitle, lead: (t) => t.resetHint },
  'forgot-sent': { template: 'notice', title: (t) => t.checkMail, lead: (t) => t.linkSent },
}

export const stepPage = (state: FlowState, shown: Shown): PageInput => {
  const common = commonPage(shown)
  // Nothing was typed yet, and nothing is known of who comes.
  const blank = state.trail.length === 0 && !shown.problem && !common.values.email && !shown.values?.challenge
  return { ...common, ...(titles[state.step] ?? signIn), visit: blank ? shown.waiting.uid : undefined }
}
