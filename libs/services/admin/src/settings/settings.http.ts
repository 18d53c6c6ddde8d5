/** The settings of the own tenant, and every version that they had. */
import { Body, Controller, Get, Inject, Param, Put, Query, Res } from '@nestjs/common'
import { orThrow, RefusalError } from '@pavan/kernel'
import { defaultTenantSettings, type TenantSettings } from '@pavan/contracts'
import { settingsAnswer, settingsHistory, settingsInput, tenantQuery, versionParam } from '@pavan/contracts/admin/admin.contract.js'
import { Requires } from '@pavan/platform/access/requires.js'
import { EventStore, type StoredEvent } from '@pavan/platform/events/event-store.js'
import { upcast } from '@pavan/platform/events/upcasters.js'
import { Answers, Refuses } from '@pavan/platform/http/answers.js'
import { Caller, type CallerIdentity } from '@pavan/platform/http/caller.js'
import { answerPosition, Command, type CommandEnvelope } from '@pavan/platform/http/command.js'
import { answerEtag, IfMatch } from '@pavan/platform/http/etag.js'
import type { FastifyReply } from 'fastify'
import type { z } from 'zod'
import { AdminAggregates } from '../admin-aggregates.js'
import { settingsDiff } from './settings-diff.js'
import { settingsDecider } from './tenant-settings.decider.js'

const example = { settings: defaultTenantSettings, version: 3 }
const settingsOf = (event: StoredEvent | undefined): TenantSettings => (event ? (event.data as { settings: TenantSettings }).settings : defaultTenantSettings)

@Controller('/api/v1/admin/settings')
export class SettingsController {
  constructor(
    @Inject(AdminAggregates) private readonly admin: AdminAggregates,
    @Inject(EventStore) private readonly store: EventStore,
  ) {}

  @Get()
  @Requires('read', 'settings')
  @Answers(200, settingsAnswer, { summary: 'Read the settings of the tenant', description: 'Defaults have version 0.', example })
  async read(@Caller() caller: CallerIdentity, @Res({ passthrough: true }) reply: FastifyReply) {
    const { state, version } = await this.admin.settings.load(caller.tenant, caller.tenant)
    answerEtag(reply, version)
    return { settings: state, version }
  }

  @Put()
  @Requires('update', 'settings')
  @Answers(200, settingsAnswer, { summary: 'Replace the settings of the tenant', description: 'Needs If-Match with the ETag that was read.', example })
  async replace(
    @Caller() caller: CallerIdentity,
    @Body({ schema: settingsInput }) settings: z.output<typeof settingsInput>,
    @IfMatch({ required: true }) expected: number | undefined,
    @Command() command: CommandEnvelope,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const place = { tenant: caller.tenant, id: caller.tenant, meta: command.meta }
    const handled = orThrow(await this.admin.settings.handle(place, { type: 'set', settings }, { expected }))
    answerPosition(reply, handled.position)
    answerEtag(reply, handled.version)
    return { settings: handled.state, version: handled.version }
  }

  @Get('history')
  @Requires('read', 'settings')
  @Answers(200, settingsHistory, { summary: 'List the changes of the settings', description: 'Newest first: who changed what, and when.' })
  async history(@Caller() caller: CallerIdentity, @Query({ schema: tenantQuery }) { limit, cursor }: z.output<typeof tenantQuery>) {
    const events = await this.events(caller.tenant)
    const before = cursor === undefined ? events.length + 1 : Number(cursor)
    if (!Number.isSafeInteger(before)) throw new RefusalError('request.parameter.invalid', { pointer: 'cursor' })
    const page = events.filter((event) => event.version < before).slice(-limit)
    const items = page.reverse().map((event) => ({
      version: event.version,
      at: event.at,
      actor: event.meta.actor,
      client: event.meta.client,
      reason: event.meta.reason,
      changed: settingsDiff(settingsOf(events[event.version - 2]), settingsOf(event)),
    }))
    const last = items.at(-1)?.version ?? 1
    return { items, ...(last > 1 ? { next: String(last) } : {}) }
  }

  @Get('history/:version')
  @Requires('read', 'settings')
  @Answers(200, settingsAnswer, { summary: 'Read one version of the settings', example })
  @Refuses('admin.settings.version-not-found')
  async version(@Caller() caller: CallerIdentity, @Param('version', { schema: versionParam }) version: number) {
    const event = (await this.events(caller.tenant))[version - 1]
    if (!event) throw new RefusalError('admin.settings.version-not-found')
    return { settings: settingsOf(event), version }
  }

  private async events(tenant: string): Promise<readonly StoredEvent[]> {
    return (await this.store.read({ tenant, category: settingsDecider.category, id: tenant })).map((event) => upcast(event))
  }
}
