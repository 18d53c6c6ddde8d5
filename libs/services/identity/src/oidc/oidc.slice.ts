/** The OpenID provider and what belongs to it. */
import { z } from 'zod'
import { ClientDirectory } from '../client/client-directory.js'
import { ClientSecretsController } from '../client/client-secrets.http.js'
import { ClientSecrets } from '../client/client-secrets.js'
import { clientSecretsView } from '../client/client-secrets.view.js'
import { clientsView } from '../client/clients.view.js'
import { OperatorFile } from '../client/operator-file.js'
import { writeOperatorFile } from '../client/operator-file.reaction.js'
import { ConsentsController } from '../consent/consents.http.js'
import { Consents } from '../consent/consents.js'
import { consentRows, consentsView } from '../consent/consents.view.js'
import { endSessions } from '../session/end-sessions.reaction.js'
import { deliverLogoutNotices, LogoutNotices } from '../session/logout-notices.js'
import { logoutNotices } from '../session/logout-notices.table.js'
import { SessionsController } from '../session/sessions.http.js'
import { Sessions } from '../session/sessions.js'
import { sessionRows } from '../session/sessions.table.js'
import { makeSigningKeys } from '../signing-key/make-signing-keys.reaction.js'
import { SigningKeysController } from '../signing-key/signing-keys.http.js'
import { SigningKeyMaker } from '../signing-key/signing-keys.js'
import type { Slice } from '../slice.js'
import { ApiResources } from './api-resources.js'
import { apiResourcesView } from './api-resources.view.js'
import { CookieKeys } from './cookie-keys.js'
import { GrantPolicy } from './grant-policy.js'
import { Interactions, UserSessions } from './interaction.js'
import { artifacts, cookieKeys, used, waiting } from './oidc-tables.js'
import { oidcProblems } from './oidc.problems.js'
import { ProviderOutbound } from './provider-outbound.js'
import { ProfileClaims } from './profile-claims.js'
import { profileClaims, profileClaimsView } from './profile-claims.view.js'
import { ProviderInteractions } from './provider-interactions.js'
import { Providers } from './providers.js'
import { TenantDirectory } from './tenant-directory.js'
import { tenantsView } from './tenants.view.js'
import { TokenFacts } from './token-facts.js'
import { WaitingInteractions, writeWaitingInteractions } from './waiting-interactions.js'

/** Needs of other slices: `AccountSource` and `ProviderPages`. */
export const oidcSlice: Slice = {
  controllers: [ClientSecretsController, ConsentsController, SessionsController, SigningKeysController],
  providers: [
    ApiResources,
    ClientDirectory,
    ClientSecrets,
    Consents,
    CookieKeys,
    GrantPolicy,
    LogoutNotices,
    OperatorFile,
    ProviderOutbound,
    ProfileClaims,
    Providers,
    Sessions,
    SigningKeyMaker,
    TenantDirectory,
    TokenFacts,
    WaitingInteractions,
    { provide: Interactions, useClass: ProviderInteractions },
    { provide: UserSessions, useExisting: Sessions },
  ],
  tables: [artifacts, waiting, used, cookieKeys, sessionRows, logoutNotices],
  views: [apiResourcesView, clientSecretsView, clientsView, consentsView, profileClaimsView, tenantsView],
  reactions: [endSessions, makeSigningKeys, writeOperatorFile],
  jobs: [deliverLogoutNotices, writeWaitingInteractions],
  problems: oidcProblems,
  purge: [
    { table: artifacts, index: 'byUser', where: (tenant, user) => ({ tenant, user }) },
    { table: sessionRows, index: 'byUser', where: (tenant, user) => ({ tenant, user }) },
    { table: consentRows, index: 'byUser', where: (tenant, user) => ({ tenant, user }) },
    { table: profileClaims, index: 'byUser', where: (tenant, user) => ({ tenant, user }) },
  ],
  config: {
    PAVAN_PRIVATE_HOSTS: z
      .string()
      .max(4096)
      .optional()
      .describe(
        'Host names and addresses of private networks that may be called (back-channel logout), with commas between; by default loopback when the system itself is reached there, else none',
      ),
    PAVAN_OPERATOR_FILE: z.string().max(4096).optional().describe("File into which the credentials of the operator's client are written at first start"),
  },
}
