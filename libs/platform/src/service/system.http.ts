/** What an operator does when a view or a reaction has set a stream aside. Every service has it under its own path. */
import { Controller, Get, HttpCode, Inject, Param, Post, Body, type Type } from '@nestjs/common'
import { RefusalError } from '@pavan/kernel'
import { z } from 'zod'
import { Requires } from '../access/requires.js'
import { Answers } from '../http/answers.js'
import { ServiceCore } from './service-core.js'

const name = z.string().regex(/^(reaction:)?[a-z0-9-]{1,60}$/)
const stream = z.string().min(3).max(300)
const retryBody = z.strictObject({ stream: stream.describe('As shown in the list: context/tenant/category/id') })
const skipBody = retryBody.extend({ reason: z.string().min(3).max(200).describe('Goes to the log; never a personal value') })
const outcome = z.object({ through: z.boolean().describe('Whether every waiting event of the stream went through') })
const consumers = z.object({
  items: z.array(
    z.object({
      name: z.string(),
      pending: z.number().int(),
      lag: z.object({ events: z.number().int(), seconds: z.number() }).describe('Events that wait, and for how long the oldest of them'),
      parked: z.array(z.object({ stream: z.string(), type: z.string(), error: z.string(), parkedAt: z.number(), waiting: z.number().int() })),
      lastError: z.string().optional(),
    }),
  ),
})

export const systemController = (service: string, title: string): Type => {
  @Controller(`/api/v1/system/${service}`)
  class SystemController {
    constructor(@Inject(ServiceCore) private readonly core: ServiceCore) {}

    @Get('views')
    @Requires('read', 'tenants')
    @Answers(200, consumers, {
      summary: `List the views and reactions of ${title}`,
      description: 'How far they are, and the streams that they have set aside.',
    })
    async list() {
      return { items: (await this.core.standing()).consumers }
    }

    @Post('views/:view/retry')
    @Requires('update', 'tenants')
    @Answers(200, outcome, { summary: `Retry a parked stream of ${title}`, description: 'Tries its events again, in order.', example: { through: true } })
    async retry(@Param('view', { schema: name }) view: string, @Body({ schema: retryBody }) body: z.output<typeof retryBody>) {
      return { through: await this.find(view).retry(body.stream) }
    }

    @Post('views/:view/skip')
    @Requires('update', 'tenants')
    @Answers(200, outcome, {
      summary: `Skip a parked event of ${title}`,
      description: 'Gives up the first parked event of the stream and tries the rest.',
      example: { through: true },
    })
    async skip(@Param('view', { schema: name }) view: string, @Body({ schema: skipBody }) body: z.output<typeof skipBody>) {
      return { through: await this.find(view).skip(body.stream, body.reason) }
    }

    @Post('views/:view/rebuild')
    @Requires('update', 'tenants')
    @HttpCode(202)
    @Answers(202, undefined, { summary: `Rebuild a view of ${title}`, description: 'Builds it from the first event beside the live one.' })
    rebuild(@Param('view', { schema: name }) view: string): void {
      this.find(view)
      void this.core.views.rebuild(view).catch(() => undefined)
    }

    private find(view: string): { retry(stream: string): Promise<boolean>; skip(stream: string, reason: string): Promise<boolean> } {
      const { views } = this.core
      if (views.status().some((status) => status.view === view)) {
        return { retry: (stream) => views.retry(view, stream), skip: (stream, reason) => views.skip(view, stream, reason) }
      }
      const reaction = this.core.reaction(view)
      if (!reaction) throw new RefusalError('request.parameter.invalid', { pointer: 'view', detail: 'names no view or reaction' })
      return reaction
    }
  }
  return SystemController
}
