/** A part of the service as data: what one folder brings. */
import type { z } from 'zod'
import type { ServiceDefinition } from '@pavan/platform/service/define-service.js'

export type Slice = Pick<ServiceDefinition, 'controllers' | 'providers' | 'tables' | 'views' | 'reactions' | 'jobs' | 'problems' | 'purge'> & {
  readonly config?: z.ZodRawShape
}

/** All that the slices bring, in their order. */
export const joinSlices = (slices: readonly Slice[]) => ({
  controllers: slices.flatMap(({ controllers = [] }) => controllers),
  providers: slices.flatMap(({ providers = [] }) => providers),
  tables: slices.flatMap(({ tables = [] }) => tables),
  views: slices.flatMap(({ views = [] }) => views),
  reactions: slices.flatMap(({ reactions = [] }) => reactions),
  jobs: slices.flatMap(({ jobs = [] }) => jobs),
  purge: slices.flatMap(({ purge = [] }) => purge),
  problems: Object.assign({}, ...slices.map(({ problems = {} }) => problems)) as NonNullable<ServiceDefinition['problems']>,
  config: Object.assign({}, ...slices.map(({ config = {} }) => config)) as z.ZodRawShape,
})
