/** Lists profiles and finds them by the beginning of a word. */
import { Inject, Injectable } from '@nestjs/common'
import { BlindIndex } from '@pavan/platform/privacy/blind-index.js'
import { keyOf } from '@pavan/platform/views/changes.js'
import { Rows } from '@pavan/platform/views/rows.js'
import { profiles, searchIndex, searchTokens, type ProfileRow } from '../profile/profiles.view.js'
import { lookupPrefix, matches, queryWords } from './search-terms.js'

interface PageQuery {
  readonly limit: number
  readonly cursor?: string
}

/** Candidates that one request looks at before it answers a shorter page. */
const most = 2_000

@Injectable()
export class ProfileSearch {
  constructor(
    @Inject(Rows) private readonly rows: Rows,
    @Inject(BlindIndex) private readonly blind: BlindIndex,
  ) {}

  async list(tenant: string, page: PageQuery) {
    const { items, next } = await this.rows.find(profiles, { index: 'byTenant', where: { tenant, registered: true }, order: 'desc', ...page })
    return { items: items.map(summary), next }
  }

  /** Candidates come from the hash of a short prefix; each is opened and compared in full. */
  async find(tenant: string, text: string, { limit, cursor }: PageQuery) {
    const words = queryWords(text)
    const prefix = lookupPrefix(words)
    if (prefix === undefined) return { items: [] }
    const where = { tenant, token: this.blind.of(tenant, searchIndex, prefix) }
    const found: ProfileRow[] = []
    let next = cursor
    for (let seen = 0; seen < most && found.length < limit;) {
      const page = await this.rows.find(searchTokens, { index: 'byToken', where, limit: Math.min(limit - found.length, 200), cursor: next })
      const rows = await Promise.all(page.items.map(({ user }) => this.rows.get(profiles, keyOf(tenant, user))))
      found.push(...rows.filter((row): row is ProfileRow => row !== undefined && row.registered && row.personal !== undefined && matches(row.personal, words)))
      seen += page.items.length
      next = page.next
      if (next === undefined) break
    }
    return { items: found.map(summary), next }
  }
}

const summary = ({ user, emailVerified, createdAt, personal }: ProfileRow) => {
  const name = personal?.values.name ?? personal?.name
  return { user, email: personal?.email, emailVerified, name: typeof name === 'string' ? name : undefined, createdAt }
}
