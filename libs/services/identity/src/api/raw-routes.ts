/** All routes of identity that no controller describes. */
import type { RawRoutes } from '@pavan/platform/service/raw-routes.js'
import { oauthError } from './oauth-schemas.js'
import { pageRoutes } from './page-routes.js'
import { providerRoutes } from './provider-routes.js'

export const rawRoutes: RawRoutes = {
  routes: [...providerRoutes, ...pageRoutes],
  schemas: { OAuthError: oauthError },
  securitySchemes: {
    client: { type: 'http', scheme: 'basic', description: 'Client id and secret (RFC 6749 section 2.3.1); they may also be fields of the form' },
    userinfo: { type: 'http', scheme: 'bearer', description: 'Access token of the issuer for its userinfo endpoint' },
    session: { type: 'apiKey', in: 'cookie', name: 'pavan_{slug}_session', description: "The browser's session with one tenant" },
  },
}
