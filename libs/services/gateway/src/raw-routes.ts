/** The gateway's own routes in the API document. */
import { z } from 'zod'
import type { RawAnswer, RawRoute, RawRoutes } from '@pavan/platform/service/raw-routes.js'

const problems = ['request.parameter.invalid', 'request.rate.limited', 'service.overloaded'] as const
const page: RawAnswer = { status: 200, description: 'The page.', type: 'text/html', schema: z.string() }
const to = (location: string): RawAnswer => ({ status: 302, description: `To ${location}.`, headers: { location } })

const lag = {
  events: z.number().int().describe('Events that wait'),
  seconds: z.number().describe('For how long the oldest of them has been waiting'),
}
const readiness = z.object({
  status: z.enum(['ok', 'degraded', 'starting']).describe('`degraded`: ready, but a view or reaction has set a stream aside'),
  version: z.string(),
  missing: z.array(z.string()).describe('Services that are not ready'),
  services: z.array(
    z.object({
      service: z.string(),
      ready: z.boolean(),
      version: z.string(),
      relay: z.object({ ...lag, lastError: z.string().optional() }).describe('From the store to the bus'),
      consumers: z
        .array(z.looseObject({ name: z.string(), lag: z.object(lag), behind: z.record(z.string(), z.object(lag)).optional() }))
        .describe('Views and reactions: how far behind they are, and the streams that they have set aside'),
      lastError: z.string().optional(),
    }),
  ),
})

const get = (path: string, id: string, summary: string, description: string, answers: readonly RawAnswer[], more: Partial<RawRoute> = {}): RawRoute => ({
  method: 'get',
  path,
  id,
  summary,
  description,
  answers,
  problems,
  ...more,
})

const document: RawAnswer = { status: 200, description: 'OpenAPI 3.1.', type: 'application/json', schema: z.looseObject({ openapi: z.string() }) }

export const rawRoutes: RawRoutes = {
  routes: [
    get('/', 'root', 'Go to the API reference', 'The front page of the system.', [to('/docs')]),
    get(
      '/healthz',
      'healthz',
      'Ask whether the process is alive',
      'Never limited and never refused for load.',
      [{ status: 200, description: 'It is.', type: 'application/json', schema: z.object({ status: z.literal('ok') }), example: { status: 'ok' } }],
      { problems: [] },
    ),
    get(
      '/readyz',
      'readyz',
      'Ask whether every service is ready',
      'Never limited and never refused for load. Lists the views and reactions of every service, or of the one asked for.',
      [
        {
          status: 200,
          description: 'Every service is ready.',
          type: 'application/json',
          schema: readiness,
          example: { status: 'ok', version: '0.1.0', missing: [], services: [] },
        },
        { status: 503, description: 'A service is still starting.', type: 'application/json', schema: readiness },
      ],
      {
        problems: ['service.unavailable', 'request.parameter.invalid'],
        query: z.object({ service: z.string().max(60).optional().describe('Only this service: `gateway` for a load balancer') }),
      },
    ),
    get(
      '/metrics',
      'metrics',
      'Read the metrics',
      'Prometheus text format. Never limited and never refused for load.',
      [{ status: 200, description: 'The metrics.', type: 'text/plain', schema: z.string() }],
      { problems: [] },
    ),
    get('/openapi.json', 'document', 'Read this document', 'Every operation with its schemas, error codes and examples.', [document]),
    get('/favicon.ico', 'icon', 'Read the icon', 'The mark of Pavan, for the tab of a browser.', [
      { status: 200, description: 'The drawing.', type: 'image/svg+xml', schema: z.string() },
    ]),
    get('/problems', 'problems', 'Show the error reference', 'The closed list of error codes, for people.', [page]),
    get('/problems/{code}', 'problem', 'Explain an error', 'Where `type` of a problem leads: what it means and what to do.', [page], {
      params: {
        code: z
          .string()
          .regex(/^[a-z-]+\.[a-z-]+\.[a-z-]+$/)
          .describe('A code of the closed list'),
      },
      problems: [...problems, 'request.route.not-found'],
    }),
    get('/docs', 'docs', 'Go to the API reference', 'With a slash at the end it is shown.', [{ ...to('/docs/'), status: 301 }]),
    get('/docs/', 'docs.page', 'Show the API reference', 'A reader of this document.', [page]),
    get('/docs/js/scalar.js', 'docs.script', 'Read the script of the API reference', 'For the page.', [
      { status: 200, description: 'The script.', type: 'application/javascript', schema: z.string() },
    ]),
  ],
}
