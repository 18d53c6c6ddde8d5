/** The audit log of the own tenant: search, checkpoints, proofs, export. */
import { Controller, Get, Headers, HttpCode, Inject, Param, Post, Query, StreamableFile } from '@nestjs/common'
import {
  auditKeys,
  auditPage,
  auditQuery,
  auditRecord,
  checkpoint,
  checkpointPage,
  consistencyAnswer,
  consistencyQuery,
  inclusionAnswer,
  inclusionQuery,
  rawRecord,
  recordParam,
} from '@pavan/contracts/audit/audit.contract.js'
import { pageQuery } from '@pavan/contracts'
import { RefusalError } from '@pavan/kernel'
import { Requires } from '@pavan/platform/access/requires.js'
import { Answers, Refuses } from '@pavan/platform/http/answers.js'
import { Caller, type CallerIdentity } from '@pavan/platform/http/caller.js'
import { SignedIn } from '@pavan/platform/http/public.js'
import { Readable } from 'node:stream'
import type { z } from 'zod'
import { AuditKey } from './checkpoint/audit-key.js'
import { Checkpoints } from './checkpoint/checkpoints.js'
import { AuditReader } from './log/audit-reader.js'
import { AuditTree } from './log/audit-tree.js'
import { AuditWriter } from './log/audit-writer.js'

const hash = 'n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg='
const example = {
  index: 41,
  event: 'evt_01j9z3f8k2m4n6p8q0r2s4t6v8',
  type: 'sign-in.failed',
  context: 'identity',
  stream: 'sign-in/evt_01j9z3f8k2m4n6p8q0r2s4t6v8',
  position: 'identity:0:97',
  at: 1_790_000_000_000,
  actor: { type: 'anonymous', id: 'anonymous' },
  subject: 'usr_01j9z3f8k2m4n6p8q0r2s4t6v8',
  client: 'cli_01j9z3f8k2m4n6p8q0r2s4t6v8',
  address: '203.0.113.7',
  device: 'Mozilla/5.0',
  requestId: 'req_01j9z3f8k2m4n6p8q0r2s4t6v8',
  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
  outcome: 'failure' as const,
  data: { method: 'password', reason: 'wrong-password' },
  hash,
  previous: hash,
}
const signed = { size: 42, root: hash, at: 1_790_000_000_000, jws: 'eyJhbGciOiJFUzI1NiIsInR5cCI6InBhdmFuLWNoZWNrcG9pbnQrand0In0.eyJzaXplIjo0Mn0.c2lnbmF0dXJl' }

@Controller('/api/v1/audit')
export class AuditController {
  constructor(
    @Inject(AuditReader) private readonly reader: AuditReader,
    @Inject(AuditTree) private readonly tree: AuditTree,
    @Inject(Checkpoints) private readonly checkpoints: Checkpoints,
    @Inject(AuditKey) private readonly key: AuditKey,
    @Inject(AuditWriter) private readonly writer: AuditWriter,
  ) {}

  @Get('records')
  @Requires('read', 'audit')
  @Answers(200, auditPage, {
    summary: 'Search the audit log',
    description: 'Newest first. A page may hold fewer records than asked for and still have a next one.',
    example: { items: [example] },
  })
  async search(
    @Caller() { tenant }: CallerIdentity,
    @Query({ schema: auditQuery }) query: z.output<typeof auditQuery>,
    @Headers('pavan-wait-for') position?: string,
  ) {
    await this.writer.waitFor(position)
    return this.reader.search(tenant, query)
  }

  @Get('records/:record')
  @Requires('read', 'audit')
  @Answers(200, auditRecord, { summary: 'Read an audit record', description: 'By its index.', example })
  @Refuses('audit.record.not-found')
  async one(@Caller() { tenant }: CallerIdentity, @Param('record', { schema: recordParam }) index: number) {
    return this.reader.open(await this.reader.row(tenant, index))
  }

  @Get('records/:record/raw')
  @Requires('read', 'audit')
  @Answers(200, rawRecord, { summary: 'Read an audit record as it is hashed', example: { record: '{"actor":{"id":"anonymous","type":"anonymous"}}', hash } })
  @Refuses('audit.record.not-found')
  raw(@Caller() { tenant }: CallerIdentity, @Param('record', { schema: recordParam }) index: number) {
    return this.reader.row(tenant, index)
  }

  @Get('checkpoints')
  @Requires('read', 'audit')
  @Answers(200, checkpointPage, { summary: 'List signed checkpoints', description: 'Newest first.', example: { items: [signed] } })
  list(@Caller() { tenant }: CallerIdentity, @Query({ schema: pageQuery }) query: z.output<typeof pageQuery>) {
    return this.checkpoints.list(tenant, query)
  }

  @Post('checkpoints')
  @Requires('read', 'audit')
  @Answers(200, checkpoint, {
    summary: 'Sign a checkpoint of the log as it is now',
    description: 'The same one again while the log has not grown.',
    example: signed,
  })
  @Refuses('audit.checkpoint.not-found')
  async sign(@Caller() { tenant }: CallerIdentity, @Headers('pavan-wait-for') position?: string) {
    await this.writer.waitFor(position)
    const made = await this.checkpoints.now(tenant)
    if (!made) throw new RefusalError('audit.checkpoint.not-found')
    return made
  }

  @Get('keys')
  @SignedIn()
  @Answers(200, auditKeys, {
    summary: 'Read the public keys of checkpoints',
    description: 'A JWK set (RFC 7517). Keep it apart from the log.',
    example: {
      keys: [
        {
          kid: 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs',
          kty: 'EC',
          crv: 'P-256',
          x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
          y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
          alg: 'ES256',
          use: 'sig',
        },
      ],
    },
  })
  async keys() {
    return { keys: await this.key.public() }
  }

  @Get('proofs/inclusion')
  @Requires('read', 'audit')
  @Answers(200, inclusionAnswer, { summary: 'Prove that a record is in the log', example: { index: 1, size: 2, leaf: hash, root: hash, hashes: [hash] } })
  @Refuses('audit.proof.impossible')
  inclusion(@Caller() { tenant }: CallerIdentity, @Query({ schema: inclusionQuery }) query: z.output<typeof inclusionQuery>) {
    return this.tree.inclusion(tenant, query.record, query.size)
  }

  @Get('proofs/consistency')
  @Requires('read', 'audit')
  @Answers(200, consistencyAnswer, {
    summary: 'Prove that the log only grew',
    example: { first: { size: 1, root: hash }, second: { size: 2, root: hash }, hashes: [hash] },
  })
  @Refuses('audit.proof.impossible')
  consistency(@Caller() { tenant }: CallerIdentity, @Query({ schema: consistencyQuery }) query: z.output<typeof consistencyQuery>) {
    return this.tree.consistency(tenant, query.first, query.second)
  }

  @Get('export')
  @Requires('read', 'audit')
  @HttpCode(200)
  @Answers(200, undefined, {
    summary: 'Export the log',
    description: 'Newline-delimited JSON for the offline verifier: a header, then one line for each record.',
  })
  async export(@Caller() { tenant }: CallerIdentity, @Headers('pavan-wait-for') position?: string) {
    await this.writer.waitFor(position)
    return new StreamableFile(Readable.from(this.reader.export(tenant)), { type: 'application/x-ndjson' })
  }
}
