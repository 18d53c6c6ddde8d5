/** Erasures and their receipts. */
import { Controller, Get, Inject, Param, Query } from '@nestjs/common'
import { RefusalError } from '@pavan/kernel'
import { erasure, erasurePage, erasureParam, erasureQuery, receiptKeys } from '@pavan/contracts/profiles/profiles.contract.js'
import { Requires } from '@pavan/platform/access/requires.js'
import { Answers, Refuses } from '@pavan/platform/http/answers.js'
import { Caller, type CallerIdentity } from '@pavan/platform/http/caller.js'
import { Public } from '@pavan/platform/http/public.js'
import { Rows } from '@pavan/platform/views/rows.js'
import type { z } from 'zod'
import { erasureAnswer, erasureExample } from './erasure-answer.js'
import { Erasures } from './erasures.js'
import { erasures } from './erasures.table.js'
import { ReceiptSigner } from './receipt-signer.js'

@Controller('/api/v1/profiles/erasures')
export class ErasureController {
  constructor(
    @Inject(Erasures) private readonly erasures: Erasures,
    @Inject(Rows) private readonly rows: Rows,
    @Inject(ReceiptSigner) private readonly signer: ReceiptSigner,
  ) {}

  @Get()
  @Requires('read', 'erasures')
  @Answers(200, erasurePage, { summary: 'List erasures', description: 'Newest first.' })
  async list(@Caller() { tenant }: CallerIdentity, @Query({ schema: erasureQuery }) query: z.output<typeof erasureQuery>) {
    return this.rows.find(erasures, { index: 'byTenant', where: { tenant }, order: 'desc', ...query })
  }

  @Get('keys')
  @Public()
  @Answers(200, receiptKeys, {
    summary: 'Read the keys that sign receipts',
    description: 'A JWK Set (RFC 7517): with it a receipt can be checked offline, by anybody.',
  })
  async keys() {
    return { keys: await this.signer.publicKeys() }
  }

  @Get(':erasure')
  @Requires('read', 'erasures')
  @Answers(200, erasure, { summary: 'Read an erasure and its receipt', example: erasureExample })
  @Refuses('profiles.erasure.not-found')
  async one(@Caller() { tenant }: CallerIdentity, @Param('erasure', { schema: erasureParam }) id: string) {
    const row = await this.erasures.byId(tenant, id)
    if (!row) throw new RefusalError('profiles.erasure.not-found')
    return erasureAnswer(row, await this.erasures.reports(tenant, id))
  }
}
