/** Reads the forms of the hosted pages; everywhere else a form is an unsupported content type. */
import type { FastifyInstance } from 'fastify'
import { RefusalError } from '@pavan/kernel'

const limit = 16_384

export const readForms = (fastify: FastifyInstance): void => {
  fastify.addContentTypeParser<string>('application/x-www-form-urlencoded', { parseAs: 'string', bodyLimit: limit }, (request, body, done) => {
    const url = request.raw.url ?? ''
    if (!url.startsWith('/t/') && !url.startsWith('/setup')) return done(new RefusalError('request.content-type.unsupported'))
    if (body.includes('%00') || body.includes('\0')) return done(new RefusalError('request.body.malformed'))
    done(null, Object.assign(Object.create(null), Object.fromEntries(new URLSearchParams(body))))
  })
}
