/** What a service in a process of its own tells the gateway: `/service.json` its routes and error codes, `/openapi.json` its operations. */
import type { KnownService, RequestHandler, ServiceDescription } from './service-directory.js'

export const ownDescription =
  (service: KnownService, next: RequestHandler): RequestHandler =>
  (request, response) => {
    const json = (body: unknown) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    const { name, title, routes, problems } = service
    const description: ServiceDescription = { name, title, routes, problems }
    if (request.url === '/service.json') json(description)
    else if (request.url === '/openapi.json') service.document().then(json, () => response.destroy())
    else next(request, response)
  }
