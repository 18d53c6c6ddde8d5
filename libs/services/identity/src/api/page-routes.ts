/** The hosted pages in the API document: HTML for people, forms that work without JavaScript. */
import { z } from 'zod'
import type { RawAnswer, RawRoute } from '@pavan/platform/service/raw-routes.js'
import { tenantParam } from './oauth-schemas.js'

const page = (status: number, description: string): RawAnswer => ({ status, description, type: 'text/html', schema: z.string() })
const noTenant = page(404, 'There is no such tenant, or the sign-in is over.')
const shown = page(200, 'The page.')
const again = page(400, 'The page again, with what was wrong.')
const busy: RawAnswer = { ...page(503, 'The page again: too many passwords are being checked.'), headers: { 'retry-after': 'Seconds to wait' } }
const onward: RawAnswer = { status: 303, description: 'Done; the next page.', headers: { location: 'Where to go on' } }

const reading = ['request.parameter.invalid', 'request.rate.limited', 'service.overloaded'] as const
/** A form of another site is refused, and so is what is no form. */
const writing = [...reading, 'request.access.denied', 'request.body.malformed', 'request.body.too-large', 'request.content-type.unsupported'] as const

const email = z.string().max(254).optional()
const password = z.string().max(1024).optional()
const name = z.string().max(200).optional()
const uid = z.string().max(100).describe('Id of the waiting request; its cookie must come along')
const token = z.string().max(300).optional().describe('Of the link in the mail; works once')

const interaction = { path: '/t/{slug}/interaction/{uid}', params: { ...tenantParam, uid } } as const
const account = { path: '/t/{slug}/account', params: tenantParam } as const
const reset = { path: '/t/{slug}/reset', params: tenantParam } as const
const forgot = { path: '/t/{slug}/forgot', params: tenantParam } as const
const locales = z.string().max(300).optional().describe('Languages of the page, best first, as in an authorization request')
const linkGone = page(410, 'The link is used, replaced or too old.')

export const pageRoutes: readonly RawRoute[] = [
  {
    ...interaction,
    id: 'pages.interaction',
    method: 'get',
    summary: 'Show a step of the sign-in',
    description: 'Sign-in, sign-up, code from the mail, forgotten password, or consent: what the waiting authorization request needs next.',
    query: z.object({ step: z.enum(['sign-in', 'sign-up', 'verify', 'forgot', 'forgot-sent']).optional(), challenge: z.string().max(64).optional() }),
    answers: [shown, noTenant],
    problems: reading,
  },
  {
    ...interaction,
    id: 'pages.act',
    method: 'post',
    summary: 'Do a step of the sign-in',
    description: 'The form of the step. A known and an unknown address get the same answer.',
    body: {
      schema: z.object({
        action: z.enum(['sign-in', 'sign-up', 'verify', 'resend', 'forgot', 'consent', 'abort']).optional(),
        email,
        password,
        name,
        challenge: z.string().max(64).optional(),
        code: z.string().max(6).optional().describe('Six digits from the mail'),
      }),
      example: { action: 'sign-in', email: 'ada@example.org', password: 'correct horse battery staple' },
    },
    answers: [onward, shown, again, busy, noTenant],
    problems: writing,
  },
  {
    ...account,
    id: 'pages.account',
    method: 'get',
    summary: 'Show the own account',
    description: 'Who is signed in in this browser, and where else; without a session the page signs in.',
    security: [{ session: [] }, {}],
    query: z.object({ done: z.enum(['password', 'email', 'others']).optional().describe('What has just been changed') }),
    answers: [shown, noTenant],
    problems: reading,
  },
  {
    ...account,
    id: 'pages.actOnAccount',
    method: 'post',
    summary: 'Change the own account',
    description:
      'Signs in or out, signs other browsers out, changes the password, and the e-mail address by a code to the new one. Changes ask for the password again.',
    security: [{ session: [] }, {}],
    body: {
      schema: z.object({
        action: z.enum(['sign-in', 'sign-out', 'sign-out-others', 'password', 'email', 'email-code']).optional(),
        email,
        password,
        current: password.describe('Present password, for another one'),
        wanted: password.describe('New password'),
        challenge: z.string().max(64).optional(),
        code: z.string().max(6).optional().describe('Six digits from the mail to the new address'),
      }),
      example: { action: 'sign-in', email: 'ada@example.org', password: 'correct horse battery staple' },
    },
    answers: [onward, shown, again, busy, noTenant],
    problems: writing,
  },
  {
    ...forgot,
    id: 'pages.forgot',
    method: 'get',
    summary: 'Show the form for a forgotten password',
    description: 'For people who come without an application.',
    query: z.object({ ui_locales: locales }),
    answers: [shown, noTenant],
    problems: reading,
  },
  {
    ...forgot,
    id: 'pages.doForgot',
    method: 'post',
    summary: 'Ask for a reset link',
    description: 'A known and an unknown address get the same answer.',
    query: z.object({ ui_locales: locales }),
    body: { schema: z.object({ action: z.literal('forgot').optional(), email }) },
    answers: [shown, again, noTenant],
    problems: writing,
  },
  {
    ...reset,
    id: 'pages.reset',
    method: 'get',
    summary: 'Show the form for a new password',
    description: 'Where the link of the mail leads.',
    query: z.object({ token, ui_locales: locales }),
    answers: [shown, noTenant, linkGone],
    problems: reading,
  },
  {
    ...reset,
    id: 'pages.doReset',
    method: 'post',
    summary: 'Set a new password',
    description: 'Ends every session of the person. Of several uses of one link, one counts.',
    query: z.object({ ui_locales: locales }),
    body: { schema: z.object({ action: z.literal('reset').optional(), token, password }) },
    answers: [page(200, 'The password is changed.'), again, busy, noTenant, linkGone],
    problems: writing,
  },
  {
    path: '/setup',
    id: 'pages.setUp',
    method: 'get',
    summary: "Show the form for a tenant's first administrator",
    description: 'Where the one-time set-up link leads.',
    query: z.object({ token }),
    answers: [shown, page(410, 'The link is used or replaced.')],
    problems: reading,
  },
  {
    path: '/setup',
    id: 'pages.doSetUp',
    method: 'post',
    summary: "Make a tenant's first administrator",
    description: 'Signs the new administrator in.',
    body: { schema: z.object({ action: z.literal('set-up').optional(), token, name, email, password }) },
    answers: [onward, again, busy, page(410, 'The link is used or replaced.')],
    problems: writing,
  },
  {
    path: '/mailbox',
    id: 'mailbox.page',
    method: 'get',
    summary: 'Show the mails that would have been sent',
    description: 'Only without a mail server, and not with `PAVAN_MAILBOX=off`.',
    answers: [shown],
    problems: [...reading, 'request.route.not-found'],
  },
  {
    path: '/mailbox.json',
    id: 'mailbox.json',
    method: 'get',
    summary: 'Read the mails that would have been sent',
    description: 'As `/mailbox`, newest first, up to 200.',
    query: z.object({ to: z.string().max(254).optional().describe('Only mails to this address') }),
    answers: [
      {
        status: 200,
        description: 'The mails.',
        type: 'application/json',
        schema: z.object({
          items: z.array(
            z.object({
              id: z.string(),
              tenant: z.string(),
              template: z.string(),
              to: z.string(),
              subject: z.string(),
              text: z.string(),
              sentAt: z.iso.datetime(),
              link: z.string().optional(),
              code: z.string().optional(),
            }),
          ),
        }),
      },
    ],
    problems: [...reading, 'request.route.not-found'],
  },
]
