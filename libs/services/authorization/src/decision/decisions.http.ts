/** May this subject do that? For resource servers, and the rules themselves for SDKs and browsers. */
import { Body, Controller, Get, Inject, Param, Post, Res } from '@nestjs/common'
import { explanation, question, questions, subjectId, subjectRules, verdict, verdicts } from '@pavan/contracts/authorization/authorization.contract.js'
import { AccessEngine } from '@pavan/platform/access/access-engine.js'
import { Requires } from '@pavan/platform/access/requires.js'
import { Answers } from '@pavan/platform/http/answers.js'
import { BodyLimit, maxBodyLimit } from '@pavan/platform/http/body-limit.js'
import { Caller, type CallerIdentity } from '@pavan/platform/http/caller.js'
import { SignedIn } from '@pavan/platform/http/public.js'
import { metrics } from '@pavan/platform/telemetry/metrics.js'
import type { FastifyReply } from 'fastify'
import type { z } from 'zod'

const seconds = metrics.histogram('pavan_decision_seconds', {
  description: 'Time to decide, of one question or of a batch, the loading of what the verdict needs included.',
  unit: 's',
  labels: ['kind'],
  buckets: [0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1],
})
const decisions = metrics.counter('pavan_decisions_total', {
  description: 'Verdicts given by the decision API.',
  unit: '{decision}',
  labels: ['verdict'],
})
const count = (kind: 'single' | 'batch', began: number, verdicts: readonly { readonly allowed: boolean }[]): void => {
  seconds.record((performance.now() - began) / 1000, { kind })
  const allowed = verdicts.reduce((sum, verdict) => sum + Number(verdict.allowed), 0)
  if (allowed > 0) decisions.add(allowed, { verdict: 'allowed' })
  if (allowed < verdicts.length) decisions.add(verdicts.length - allowed, { verdict: 'denied' })
}

const asked = {
  subject: 'usr_01j9z3f8k2m4n6p8q0r2s4t6v8',
  action: 'update',
  resource: 'orders',
  facts: { status: 'shipped', organization: 'org_01j9z3f8k2m4n6p8q0r2s4t6v8' },
}
const denied = { allowed: false, reason: 'Shipped orders are final.', role: 'clerk', policy: 'own-branch', rule: 1, policyVersion: 'authorization:0:42' }
const packed = {
  subject: asked.subject,
  rules: [
    ['read,update', 'orders', { organization: { $in: ['org_01j9z3f8k2m4n6p8q0r2s4t6v8'] } }],
    ['manage', 'tenants', 0, 1],
  ],
  policyVersion: 'authorization:0:42',
}

@Controller('/api/v1/authorization')
export class DecisionsController {
  constructor(@Inject(AccessEngine) private readonly engine: AccessEngine) {}

  @Post('decisions')
  @Requires('read', 'decisions')
  @Answers(200, verdict, { summary: 'Decide', description: 'The verdict and the rule that made it.', example: denied })
  async decide(@Caller() { tenant }: CallerIdentity, @Body({ schema: question }) body: z.output<typeof question>) {
    const began = performance.now()
    const given = await this.engine.decide({ ...body, tenant })
    count('single', began, [given])
    return given
  }

  @Post('decisions/batch')
  @Requires('read', 'decisions')
  @BodyLimit(maxBodyLimit)
  @Answers(200, verdicts, {
    summary: 'Decide up to 1,000 questions',
    description: 'Verdicts in the order of the questions.',
    example: { verdicts: [{ allowed: true }, { allowed: false, reason: 'Shipped orders are final.' }], policyVersion: 'authorization:0:42' },
  })
  async decideAll(
    @Caller() { tenant }: CallerIdentity,
    @Body({ schema: questions }) body: z.output<typeof questions>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const began = performance.now()
    const { verdicts: judged, policyVersion } = await this.engine.decideAll(tenant, body.decisions)
    count('batch', began, judged)
    const compact = judged.map(({ allowed, reason }) => (reason === undefined ? { allowed } : { allowed, reason }))
    // Bytes, because the check of a thousand verdicts that were made here takes longer than making them.
    void reply.type('application/json')
    return Buffer.from(JSON.stringify({ verdicts: compact, policyVersion }))
  }

  @Post('decisions/explain')
  @Requires('read', 'decisions')
  @Answers(200, explanation, {
    summary: 'Explain a decision',
    description: 'The verdict, every rule that was considered, and the facts that conditions asked for.',
    example: {
      ...denied,
      grants: [{ role: 'clerk' }],
      organizations: ['org_01j9z3f8k2m4n6p8q0r2s4t6v8'],
      facts: { status: 'shipped' },
      considered: [
        { role: 'clerk', policy: 'own-branch', rule: 1, effect: 'deny', conditions: { status: 'shipped' }, reason: 'Shipped orders are final.', matched: true },
      ],
    },
  })
  explain(@Caller() { tenant }: CallerIdentity, @Body({ schema: question }) body: z.output<typeof question>) {
    return this.engine.explain({ ...body, tenant })
  }

  @Get('subjects/:subject/rules')
  @Requires('read', 'decisions')
  @Answers(200, subjectRules, {
    summary: 'Read the rules of a subject',
    description: 'Packed by CASL; evaluated anywhere they give the verdicts of the decision API.',
    example: packed,
  })
  async rules(@Caller() { tenant }: CallerIdentity, @Param('subject', { schema: subjectId }) subject: string) {
    return { subject, ...(await this.engine.rules(tenant, subject)) }
  }

  @Get('me/rules')
  @SignedIn()
  @Answers(200, subjectRules, { summary: 'Read the own rules', description: 'Of whoever the access token belongs to.', example: packed })
  async ownRules(@Caller() { tenant, subject }: CallerIdentity) {
    return { subject: subject.id, ...(await this.engine.rules(tenant, subject.id)) }
  }
}
