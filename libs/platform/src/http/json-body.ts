/** Reads JSON bodies, and refuses those that mean trouble further in. */
import { isUtf8 } from 'node:buffer'
import { RefusalError } from '@pavan/kernel'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { defaultBodyLimit, maxBodyLimit } from './body-limit.js'

/** Bytes of a refused body that are read on, so that its sender gets to see the answer. */
const patience = 16 * 1024 * 1024

/** Levels of nesting of arrays and objects. */
export const maxDepth = 20

const malformed = () => new RefusalError('request.body.malformed')

/** Refuses bodies that are nested too deeply, and NUL characters, which stores and terminals disagree about. */
export const checkValue = (value: unknown, lookForNul: boolean): void => {
  // The depth first: it bounds the recursion of the other.
  if (typeof value === 'object' && value !== null) checkDepth(value, 1)
  if (lookForNul) checkTexts(value)
}

/** Only what has levels of its own is visited: a large body is nearly all texts and numbers. */
const checkDepth = (value: object, depth: number): void => {
  if (depth > maxDepth) throw malformed()
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const part: unknown = value[i]
      if (typeof part === 'object' && part !== null) checkDepth(part, depth + 1)
    }
    return
  }
  for (const key in value) {
    const part = (value as Record<string, unknown>)[key]
    if (typeof part === 'object' && part !== null) checkDepth(part, depth + 1)
  }
}

const checkTexts = (value: unknown): void => {
  if (typeof value === 'string') {
    if (value.includes('\0')) throw malformed()
    return
  }
  if (typeof value !== 'object' || value === null) return
  for (const key in value) {
    if (key.includes('\0')) throw malformed()
    checkTexts((value as Record<string, unknown>)[key])
  }
}

export const limitOf = (request: FastifyRequest): number => (request.routeOptions.config as { bodyLimit?: number }).bodyLimit ?? defaultBodyLimit

/** Takes the place of Fastify's parsers: JSON only, everything else is 415. */
export const readJsonBodies = (fastify: FastifyInstance): void => {
  // Fastify hangs up on whoever sends too much, which most clients show as a broken connection instead of the answer.
  fastify.addHook('onSend', async (request, reply) => {
    if (reply.statusCode !== 413 || Number(request.headers['content-length'] ?? Infinity) > patience) return
    reply.removeHeader('connection')
    request.raw.resume()
  })
  // secure-json-parse behind it refuses __proto__ and constructor.prototype keys.
  const parse = fastify.getDefaultJsonParser('error', 'error')
  fastify.removeAllContentTypeParsers()
  fastify.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer', bodyLimit: maxBodyLimit }, (request, body, done) => {
    const limit = limitOf(request)
    if (body.length > limit) return done(new RefusalError('request.body.too-large', { limit }))
    if (body.length === 0) return done(null, undefined)
    if (!isUtf8(body)) return done(malformed())
    const text = body.toString()
    void parse(request, text, (error, value: unknown) => {
      if (error) return done(malformed())
      try {
        checkValue(value, text.includes('\\u0000'))
      } catch (refusal) {
        return done(refusal as Error)
      }
      done(null, value)
    })
  })
}
