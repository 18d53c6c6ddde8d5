/**
 * Tells clients that a session is over (OpenID Connect Back-Channel Logout 1.0), at least once: what has to be told waits in a table and is
 * tried at once, then again with growing pauses until the client takes it or a day has passed. Nobody's sign-out waits for it.
 */
import { Inject, Injectable } from '@nestjs/common'
import { Clock } from '@pavan/kernel'
import { defineJob } from '@pavan/platform/jobs/define-job.js'
import { Log } from '@pavan/platform/telemetry/log.js'
import { traceField, tracing } from '@pavan/platform/telemetry/tracing.js'
import { keyOf, patch, put, remove } from '@pavan/platform/views/changes.js'
import { Rows, type RowChange } from '@pavan/platform/views/rows.js'
import { logoutNotices, type LogoutNoticeRow } from './logout-notices.table.js'

export interface LoggedOut {
  readonly tenant: string
  readonly client: string
  readonly user: string
  readonly sid: string
}

/** Sends one logout token. Resolves once the client took it. */
export type SendLogout = (notice: LoggedOut) => Promise<void>

const day = 86_400_000
/** Longer than one try can take: after this time another copy of the service may try. */
const claimMs = 30_000
const firstPauseMs = 2_000
const longestPauseMs = 3_600_000

const keyOfNotice = ({ tenant, client, sid }: LoggedOut): string => keyOf(tenant, client, sid)

@Injectable()
export class LogoutNotices {
  #send: SendLogout | undefined

  constructor(
    @Inject(Rows) private readonly rows: Rows,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Log) private readonly log: Log,
  ) {}

  /** Who speaks the protocol. */
  sendBy(send: SendLogout): void {
    this.#send = send
  }

  /** To be applied together with what ends the session. `deliver` afterwards saves the wait for the job. */
  queue(notice: LoggedOut): RowChange<any> {
    const now = this.clock.now()
    return put(logoutNotices, keyOfNotice(notice), { ...notice, tries: 0, dueAt: now, expiresAt: now + day, ...tracing.carried() } satisfies LogoutNoticeRow)
  }

  /** Tries everything that is due. Never rejects. */
  async deliver(): Promise<void> {
    try {
      const { items } = await this.rows.find(logoutNotices, { index: 'byDue', range: { lte: this.clock.now() }, limit: 100 })
      await Promise.all(items.map((row) => this.#deliverOne(row)))
    } catch (error) {
      this.log.warn({ error }, 'logout notices could not be read; they are tried again')
    }
  }

  async #deliverOne(row: LogoutNoticeRow): Promise<void> {
    const { tenant, client, tries, dueAt } = row
    const key = keyOfNotice(row)
    const mine = { tries: tries + 1, dueAt: this.clock.now() + claimMs }
    if (!this.#send || !(await this.rows.apply([patch(logoutNotices, key, mine, { tries, dueAt })])).applied) return
    const send = this.#send
    try {
      await tracing.later(row, { name: 'send logout token', kind: 'client', attributes: { 'pavan.service': 'identity', 'pavan.tenant': tenant } }, () =>
        send(row),
      )
      await this.rows.apply([remove(logoutNotices, key, mine)])
    } catch (error) {
      const pause = Math.min(firstPauseMs * 4 ** tries, longestPauseMs)
      this.log.warn(
        { tenant, client, tries: mine.tries, retryInMs: pause, error, ...traceField(row) },
        'back-channel logout was not delivered; it is tried again',
      )
      await this.rows.apply([patch(logoutNotices, key, { dueAt: this.clock.now() + pause }, mine)])
    }
  }
}

export const deliverLogoutNotices = defineJob({
  name: 'deliver-logout-notices',
  everyMs: 1_000,
  inject: [LogoutNotices],
  with: (notices: LogoutNotices) => () => notices.deliver(),
})
