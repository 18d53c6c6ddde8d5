/** Hands out what is known of a person (GDPR articles 15 and 20), and records that it did. */
import { Inject, Injectable } from '@nestjs/common'
import { Clock, orThrow, type EventMeta } from '@pavan/kernel'
import type { SubjectExport } from '@pavan/contracts/profiles/profiles.contract.js'
import { Rows } from '@pavan/platform/views/rows.js'
import { Views } from '@pavan/platform/views/views.js'
import { ProfileAggregates } from '../profile-aggregates.js'
import { ProfileReader, type ProfilePlace } from '../profile/profile-reader.js'
import { subjectHistory, subjectHistoryView, type HistoryRow } from './subject-history.view.js'

type Chapter = Exclude<keyof SubjectExport, 'user' | 'exportedAt' | 'profile'>

/** Which chapter of the export an event belongs to, by the beginning of its type. */
const chapters: readonly (readonly [prefix: string, chapter: Chapter])[] = [
  ['session.', 'sessions'],
  ['sign-in.', 'signIns'],
  ['consent.', 'consents'],
  ['role.', 'roles'],
  ['organization.', 'organizations'],
  ['subject.exported', 'lookedAt'],
]
const chapterOf = (type: string): Chapter => chapters.find(([prefix]) => type.startsWith(prefix))?.[1] ?? 'account'

const entry = ({ at, type, actor, personal, data, stream }: HistoryRow) => {
  const { user: _person, assignee: _same, ...details } = data
  const named = type.startsWith('organization.') ? { organization: stream } : type.startsWith('session.') ? { session: stream } : {}
  return { at, what: type, actor, address: personal?.address, device: personal?.device, details: { ...named, ...details } }
}

@Injectable()
export class SubjectExporter {
  constructor(
    @Inject(ProfileAggregates) private readonly aggregates: ProfileAggregates,
    @Inject(ProfileReader) private readonly reader: ProfileReader,
    @Inject(Rows) private readonly rows: Rows,
    @Inject(Views) private readonly views: Views,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  async export(place: ProfilePlace, meta: EventMeta): Promise<{ answer: SubjectExport; position: string }> {
    const { tenant, user } = place
    const profile = await this.reader.read(place)
    const { position } = orThrow(await this.aggregates.subjects.handle({ tenant, id: user, meta }, { type: 'export', user }))
    await this.views.waitFor(position, subjectHistoryView.name)
    const answer: SubjectExport = {
      user,
      exportedAt: this.clock.now(),
      profile,
      account: [],
      sessions: [],
      signIns: [],
      consents: [],
      roles: [],
      organizations: [],
      lookedAt: [],
    }
    for await (const row of this.history(tenant, user)) answer[chapterOf(row.type)].push(entry(row))
    return { answer, position }
  }

  private async *history(tenant: string, user: string): AsyncGenerator<HistoryRow> {
    let cursor: string | undefined
    do {
      const page = await this.rows.find(subjectHistory, { index: 'byUser', where: { tenant, user }, limit: 1000, cursor })
      yield* page.items
      cursor = page.next
    } while (cursor)
  }
}
