/** The mails that would have been sent, for the embedded system: without a mail server somebody must be able to read the codes. */
import { Controller, Get, Inject, Query, Req, Res } from '@nestjs/common'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { RefusalError } from '@pavan/kernel'
import { Public } from '@pavan/platform/http/public.js'
import { ServiceConfig } from '@pavan/platform/service/define-service.js'
import { Rows } from '@pavan/platform/views/rows.js'
import { acceptedLanguages } from '../pages/messages.js'
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
  async page(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const values = { mails: await this.#read(), wide: true }
    this.pages.send(reply, plainLook, { template: 'mailbox', title: () => 'Mailbox', wanted: acceptedLanguages(request.headers['accept-language']), values })
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
