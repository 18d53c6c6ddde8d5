/** Identity: people, how they sign in, and the OpenID provider of each tenant. */
import { z } from 'zod'
import { identityEvents } from '@pavan/contracts'
import { defineService } from '@pavan/platform/service/define-service.js'
import { OperatorFile } from './client/operator-file.js'
import { mountProvider } from './oidc/mount-provider.js'
import { oidcSlice } from './oidc/oidc.slice.js'
import { joinSlices } from './slice.js'

const { config, ...slices } = joinSlices([oidcSlice])

export const identityService = defineService({
  name: 'identity',
  title: 'Identity',
  ...slices,
  config: z.object(config),
  events: identityEvents,
  routes: ['/api/v1/identity', '/t', '/setup'],
  inject: [OperatorFile],
  onReady: (operatorFile: OperatorFile) => operatorFile.ensure(),
  mount: mountProvider,
})
