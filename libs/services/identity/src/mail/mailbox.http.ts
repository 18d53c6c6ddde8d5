/** The mails that would have been sent, for the embedded system: without a mail server somebody must be able to read the codes. */
import { Controller, Get, Inject, Query, Res } from '@nestjs/common'
import type { FastifyReply } from 'fastify'
import { RefusalError } from '@pavan/kernel'
import { Public } from '@pavan/platform/http/public.js'
import { ServiceConfig } from '@pavan/platform/service/define-service.js'
import { Rows } from '@pavan/platform/views/rows.js'
import { PageRenderer, plainLook } from '../pages/page-renderer.js'
import { mails } from './mails.js'

interface ReadMail {
  readonly id: string
  readonly tenant: string
  readonly template: string
  readonly to: string
  readonly subject: string
  readonly text: string
  readonly sentAt: string
  readonly link?: string
  readonly code?: string
}

@Public()
@Controller()
export class MailboxController {
  constructor(
    @Inject(Rows) private readonly rows: Rows,
    @Inject(PageRenderer) private readonly pages: PageRenderer,
    @Inject(ServiceConfig) private readonly config: ServiceConfig,
  ) {}

  @Get('/mailbox')
  async page(@Res() reply: FastifyReply): Promise<void> {
    const mailsRead = (await this.#read()).map((mail) => ({ ...mail, when: `${mail.sentAt.slice(0, 10)} ${mail.sentAt.slice(11, 19)} UTC` }))
    const lead = mailsRead.length === 0 ? 'No mail yet. What would be sent to people appears here.' : 'What would have been sent to people, newest first.'
    // A tool for whoever runs or tries the system, so it is English as the API is.
    this.pages.send(reply, plainLook, {
      template: 'mailbox',
      title: () => 'Mailbox',
      lead: () => lead,
      wanted: ['en'],
      values: { mails: mailsRead, wide: true },
    })
  }

  /** Newest first; `?to=` narrows it to one address. */
  @Get('/mailbox.json')
  async json(@Query('to') to: unknown, @Res() reply: FastifyReply): Promise<void> {
    const items = await this.#read()
    void reply.header('cache-control', 'no-store').send({ items: typeof to === 'string' ? items.filter((mail) => mail.to === to) : items })
  }

  async #read(): Promise<ReadMail[]> {
    if (this.config.PAVAN_SMTP_URL || this.config.PAVAN_MAILBOX === 'off') throw new RefusalError('request.route.not-found')
    const { items } = await this.rows.find(mails, { index: 'byCreated', order: 'desc', limit: 200 })
    return items.flatMap(({ id, tenant, template, sealed, createdAt }) =>
      sealed
        ? [
            {
              id,
              tenant,
              template,
              ...sealed,
              sentAt: new Date(createdAt).toISOString(),
              link: /https?:\/\/\S+/.exec(sealed.text)?.[0],
              code: /\b\d{6}\b/.exec(sealed.subject)?.[0],
            },
          ]
        : [],
    )
  }
}
