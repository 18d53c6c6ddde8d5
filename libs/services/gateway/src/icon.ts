/** The mark of Pavan in a browser's tab: a P with a keyhole. At the path where browsers look without being told, so that every page of the system has it. */
import type { FastifyInstance } from 'fastify'

export const iconPath = '/favicon.ico'

const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="9" fill="#1f4fd8"/><path d="M11 26V6.5h6.5a6 6 0 0 1 0 12H11" fill="none" stroke="#fff" stroke-width="3.4" stroke-linecap="round" stroke-linejoin="round"/><circle cx="16.8" cy="12.5" r="1.9" fill="#fff"/></svg>`

/** A drawing can hold script, and this one may be opened by itself. */
const policy = "default-src 'none'; frame-ancestors 'none'"

export const iconRoute = (fastify: FastifyInstance): void => {
  fastify.get(iconPath, (_request, reply) =>
    reply.header('content-security-policy', policy).header('cache-control', 'public, max-age=86400').type('image/svg+xml').send(icon),
  )
}
