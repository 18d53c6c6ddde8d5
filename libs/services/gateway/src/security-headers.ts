import type { ServerResponse } from 'node:http'

/**
 * Headers that browsers heed (OWASP secure headers). Pages set a Content-Security-Policy of their own: identity for the
 * hosted pages, the gateway for `/docs`; what is said here holds until they do.
 */
export const secure = (response: ServerResponse, where: { readonly api: boolean; readonly https: boolean }): void => {
  response.setHeader('x-content-type-options', 'nosniff')
  response.setHeader('referrer-policy', 'no-referrer')
  response.setHeader('x-frame-options', 'DENY')
  if (where.https) response.setHeader('strict-transport-security', 'max-age=31536000; includeSubDomains')
  if (!where.api) return
  response.setHeader('cache-control', 'no-store')
  response.setHeader('content-security-policy', "default-src 'none'; frame-ancestors 'none'")
}
