/** Mails wait in a table, written in the same commit as what they are about, and go out by a job. */
import { Inject, Injectable } from '@nestjs/common'
import { createTransport, type Transporter } from 'nodemailer'
import { Clock, isRefusal, type Decider } from '@pavan/kernel'
import { mailSent, type EventOf } from '@pavan/contracts'
import { Aggregates, type Aggregate } from '@pavan/platform/events/aggregates.js'
import { defineJob } from '@pavan/platform/jobs/define-job.js'
import { ServiceConfig } from '@pavan/platform/service/define-service.js'
import { Ids } from '@pavan/platform/service/ids.js'
import { Log } from '@pavan/platform/telemetry/log.js'
import { traceField, tracing } from '@pavan/platform/telemetry/tracing.js'
import { insert, keyOf, patch } from '@pavan/platform/views/changes.js'
import { defineTable, Rows, type RowChange } from '@pavan/platform/views/rows.js'
import { fill, mailTexts, type MailTemplate } from './mail-texts.js'

export interface MailRow {
  readonly tenant: string
  readonly id: string
  readonly user: string
  readonly template: MailTemplate
  readonly phase: 'queued' | 'sent'
  readonly createdAt: number
  readonly expiresAt: number
  /** Of whatever the mail was written for. */
  readonly traceparent?: string
  readonly sealed?: { readonly to: string; readonly subject: string; readonly text: string }
}

export const mails = defineTable<MailRow>({
  name: 'mails',
  version: 1,
  durability: 'full',
  indexes: { byUser: ['tenant', 'user'], byPhase: ['phase', 'createdAt'], byCreated: ['createdAt'] },
  expires: 'expiresAt',
  personal: { field: 'sealed', tenant: 'tenant', subject: 'user' },
})

export interface NewMail {
  readonly tenant: { readonly id: string; readonly name: string }
  /** Whose mail it is: it is encrypted under their key and goes with them. */
  readonly user: string
  readonly to: string
  readonly template: MailTemplate
  readonly language: 'en' | 'ar'
  readonly values?: Readonly<Record<string, string>>
  /** For a mail that may be asked for several times: one with an id that exists is refused, with everything beside it. */
  readonly id?: string
}

type Sent = EventOf<typeof mailSent>

const mail: Decider<Sent, Sent, boolean> = { category: 'mail', initial: false, decide: (event, sent) => (sent ? [] : [event]), evolve: () => true }
const keptDays = 7

@Injectable()
export class Mails {
  readonly #events: Aggregate<Sent, Sent, boolean>
  #transport: Transporter | undefined

  constructor(
    @Inject(Rows) private readonly rows: Rows,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Ids) private readonly ids: Ids,
    @Inject(ServiceConfig) private readonly config: ServiceConfig,
    @Inject(Log) private readonly log: Log,
    @Inject(Aggregates) aggregates: Aggregates,
  ) {
    this.#events = aggregates.of(mail, { events: [mailSent] })
  }

  queue({ tenant, user, to, template, language, values = {}, id = this.ids.make('mail') }: NewMail): RowChange<any> {
    const text = mailTexts[template][language]
    const all = { tenant: tenant.name, ...values }
    const now = this.clock.now()
    return insert(mails, keyOf(tenant.id, id), {
      tenant: tenant.id,
      id,
      user,
      template,
      phase: 'queued',
      createdAt: now,
      expiresAt: now + keptDays * 86_400_000,
      ...tracing.carried(),
      sealed: { to, subject: fill(text.subject, all), text: fill(text.text, all) },
    } satisfies MailRow)
  }

  /** Hands over what waits. A mail that the provider refuses waits for the next round. */
  async deliver(): Promise<void> {
    for (const row of (await this.rows.find(mails, { index: 'byPhase', where: { phase: 'queued' }, limit: 100 })).items) {
      try {
        await this.#deliverTraced(row)
      } catch (error) {
        this.log.warn({ mail: row.id, error: { name: (error as Error).name }, ...traceField(row) }, 'a mail could not be handed over; it is tried again')
        return
      }
    }
  }

  #deliverTraced(row: MailRow): Promise<void> {
    const attributes = { 'pavan.mail.template': row.template, 'pavan.service': 'identity', 'pavan.tenant': row.tenant }
    return tracing.later(row, { name: 'send mail', kind: 'producer', attributes }, () => this.#deliverOne(row))
  }

  async #deliverOne(row: MailRow): Promise<void> {
    if (row.sealed) await this.#send(row.sealed)
    const traced = row.traceparent === undefined ? {} : { traceparent: row.traceparent }
    const context = { tenant: row.tenant, id: row.id, meta: { actor: { type: 'system', id: 'identity' }, ...traced } } as const
    const result = await this.#events.handle(context, mailSent.of({ data: { user: row.user, template: row.template } }))
    if (!isRefusal(result)) await this.rows.apply([patch(mails, keyOf(row.tenant, row.id), { phase: 'sent' }, { phase: 'queued' })])
  }

  async #send(sealed: NonNullable<MailRow['sealed']>): Promise<void> {
    const url = this.config.PAVAN_SMTP_URL as string | undefined
    // Without a mail server the mailbox page is where mails are read.
    if (!url) return
    this.#transport ??= createTransport(url)
    await this.#transport.sendMail({ from: this.config.PAVAN_MAIL_FROM as string, ...sealed })
  }
}

export const deliverMails = defineJob({ name: 'deliver-mails', everyMs: 1_000, inject: [Mails], with: (all: Mails) => () => all.deliver() })
