/** What the guard of every service needs: the view of roles and policies, the engine over it, the guard. */
import type { CanActivate, Provider, Type } from '@nestjs/common'
import { AccessEngine } from '../access/access-engine.js'
import { AccessGuard } from '../access/access.guard.js'
import { accessView } from '../access/access.view.js'
import type { ViewDefinition } from '../views/define-view.js'
import { Rows } from '../views/rows.js'
import { Views } from '../views/views.js'
import type { Get } from './service-core.js'

export interface AccessParts {
  readonly views: readonly ViewDefinition[]
  readonly providers: readonly Provider[]
  readonly controllers: readonly Type[]
  guards(get: Get): readonly CanActivate[]
  open(get: Get): Promise<void>
}

export const accessParts = (): AccessParts => ({
  views: [accessView],
  providers: [{ provide: AccessEngine, useFactory: (rows: Rows, views: Views) => new AccessEngine(rows, views), inject: [Rows, Views] }],
  controllers: [],
  guards: (get) => [new AccessGuard(get(AccessEngine) as AccessEngine)],
  open: async () => {},
})
