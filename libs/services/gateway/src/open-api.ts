/** The description of the whole system: what every service says of itself, in one OpenAPI 3.1 document. */
import type { ApiDocument, ServiceDirectory } from '@pavan/platform/service/service-directory.js'
import { problemSchema } from '@pavan/platform/service/api-document.js'

export const describeSystem = async (directory: ServiceDirectory, version: string): Promise<ApiDocument> => {
  const services = directory.list()
  const documents = await Promise.all(services.map((service) => service.document()))
  const codes = services.flatMap(({ problems }) => Object.keys(problems))
  const merged = (section: string): Record<string, unknown> => Object.assign({}, ...documents.map(({ components }) => components?.[section]))
  return {
    openapi: '3.1.0',
    info: {
      title: 'Pavan',
      version,
      description:
        'Customer identity and access management. Calls carry an access token (RFC 9068) of the tenant whose issuer is `/t/{slug}`; the tenant is taken from the token. Errors are problem+json (RFC 9457) with a code of a closed list, each explained at `/problems/{code}`; the OAuth endpoints of an issuer answer errors as RFC 6749 says.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: directory.baseUrl }],
    tags: services.map(({ title }) => ({ name: title })),
    security: [{ bearer: [] }],
    paths: Object.assign({}, ...documents.map(({ paths }) => paths)) as ApiDocument['paths'],
    components: {
      schemas: { ...merged('schemas'), Problem: problemSchema(codes) },
      securitySchemes: {
        ...merged('securitySchemes'),
        bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'Access token with the audience `<base>/api`' },
      },
    },
  }
}
