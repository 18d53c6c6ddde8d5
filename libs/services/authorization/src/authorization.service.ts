import { authorizationEvents } from '@pavan/contracts'
import { defineService } from '@pavan/platform/service/define-service.js'
import { appoint } from './assignment/appoint.reaction.js'
import { AssignmentsController } from './assignment/assignments.http.js'
import { Assignments } from './assignment/assignments.js'
import { assignmentsView } from './assignment/assignments.view.js'
import { clearUp } from './assignment/clear-up.reaction.js'
import { authorizationProblems } from './authorization.problems.js'
import { DecisionsController } from './decision/decisions.http.js'
import { DefinitionStores } from './definition/definition-stores.js'
import { definitionsView } from './definition/definitions.view.js'
import { PoliciesController } from './definition/policies.http.js'
import { ResourcesController } from './definition/resources.http.js'
import { RolesController } from './definition/roles.http.js'

export const authorizationService = defineService({
  name: 'authorization',
  title: 'Authorization',
  controllers: [ResourcesController, RolesController, PoliciesController, AssignmentsController, DecisionsController],
  providers: [DefinitionStores, Assignments],
  views: [definitionsView, assignmentsView],
  reactions: [appoint, clearUp],
  events: authorizationEvents,
  problems: authorizationProblems,
  routes: ['/api/v1/authorization'],
})
