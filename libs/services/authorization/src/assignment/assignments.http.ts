/** Who has which role, in the tenant or in one organization. */
import { Body, Controller, Delete, Get, Inject, Param, Post, Query, Res } from '@nestjs/common'
import { assignmentAnswer, assignmentId, assignmentInput, assignmentPage, assignmentQuery } from '@pavan/contracts/authorization/authorization.contract.js'
import { orThrow, RefusalError } from '@pavan/kernel'
import { AccessEngine } from '@pavan/platform/access/access-engine.js'
import { isBuiltInRole } from '@pavan/platform/access/built-in-roles.js'
import { Requires } from '@pavan/platform/access/requires.js'
import { Answers, Refuses } from '@pavan/platform/http/answers.js'
import { Caller, type CallerIdentity } from '@pavan/platform/http/caller.js'
import { answerPosition, Command, type CommandEnvelope } from '@pavan/platform/http/command.js'
import { Rows } from '@pavan/platform/views/rows.js'
import type { FastifyReply } from 'fastify'
import type { z } from 'zod'
import { actingFor } from '../acting.js'
import { DefinitionStores } from '../definition/definition-stores.js'
import type { Grant } from './grant.js'
import { Assignments } from './assignments.js'
import { assignmentIdOf, assignments } from './assignments.view.js'

const example = { id: 'usr_01j9z3f8k2m4n6p8q0r2s4t6v8~clerk', subject: 'usr_01j9z3f8k2m4n6p8q0r2s4t6v8', role: 'clerk', assignedAt: 1_790_000_000_000 }

/** Roles that only their holders can give and take: otherwise whoever may assign roles would be administrator in one step. */
const guarded = new Set(['administrator', 'operator'])

@Controller('/api/v1/authorization/assignments')
export class AssignmentsController {
  constructor(
    @Inject(Assignments) private readonly assignments: Assignments,
    @Inject(DefinitionStores) private readonly definitions: DefinitionStores,
    @Inject(AccessEngine) private readonly access: AccessEngine,
    @Inject(Rows) private readonly rows: Rows,
  ) {}

  @Post()
  @Requires('create', 'assignments')
  @Answers(201, assignmentAnswer, {
    summary: 'Assign a role',
    description: 'Assigning it again changes nothing. A decision that waits for the Pavan-Position of the answer sees it.',
    example,
  })
  @Refuses('authorization.role.not-found', 'authorization.assignment.too-many', 'authorization.assignment.beyond-own')
  async assign(
    @Caller() caller: CallerIdentity,
    @Body({ schema: assignmentInput }) body: z.output<typeof assignmentInput>,
    @Command() command: CommandEnvelope,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const { subject, ...grant } = body
    if (!(await this.definitions.roleExists(caller.tenant, grant.role))) throw new RefusalError('authorization.role.not-found')
    await this.checkOwn(caller, grant)
    answerPosition(reply, orThrow(await this.assignments.assign(actingFor(caller, command), subject, [grant])))
    const assignedAt = (await this.assignments.since(caller.tenant, subject, grant)) ?? 0
    return { id: assignmentIdOf(subject, grant), subject, ...grant, assignedAt }
  }

  @Get()
  @Requires('read', 'assignments')
  @Answers(200, assignmentPage, {
    summary: 'List assignments',
    description: 'All of the tenant, or those of one subject, role or organization.',
    example: { items: [example] },
  })
  list(@Caller() { tenant }: CallerIdentity, @Query({ schema: assignmentQuery }) query: z.output<typeof assignmentQuery>) {
    const { subject, role, organization, ...page } = query
    if (subject !== undefined) return this.rows.find(assignments, { index: 'bySubject', where: { tenant, subject }, ...page })
    if (role !== undefined) return this.rows.find(assignments, { index: 'byRole', where: { tenant, role }, ...page })
    if (organization !== undefined) return this.rows.find(assignments, { index: 'byOrganization', where: { tenant, organization }, ...page })
    return this.rows.find(assignments, { index: 'byTenant', where: { tenant }, ...page })
  }

  @Delete(':assignment')
  @Requires('delete', 'assignments')
  @Answers(204, undefined, { summary: 'Take a role away', description: 'Also when the subject does not have it: afterwards it has not.' })
  @Refuses('authorization.assignment.last-administrator', 'authorization.assignment.beyond-own')
  async unassign(
    @Caller() caller: CallerIdentity,
    @Param('assignment', { schema: assignmentId }) id: string,
    @Command() command: CommandEnvelope,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const [subject = '', role = '', organization] = id.split('~')
    const grant: Grant = organization === undefined ? { role } : { role, organization }
    await this.checkOwn(caller, grant)
    answerPosition(reply, orThrow(await this.assignments.unassign(actingFor(caller, command), subject, [grant])))
  }

  private async checkOwn(caller: CallerIdentity, { role }: Grant): Promise<void> {
    if (!isBuiltInRole(role) || !guarded.has(role)) return
    if (!(await this.access.holds(caller.tenant, caller.subject.id, role))) throw new RefusalError('authorization.assignment.beyond-own', { role })
  }
}
