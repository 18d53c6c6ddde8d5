/** Who may call an operation at all. Without one of these decorators, or `@Requires` of access/requires.ts, nobody may. */
import { SetMetadata } from '@nestjs/common'

/** Metadata key of `Entrance`; read by the guards and by the OpenAPI document. */
export const entranceKey = 'pavan:entrance'

/** `public`: no token. `self`: any signed-in user, on their own data. `signed-in`: any valid token. */
export type Entrance = 'public' | 'self' | 'signed-in'

const entrance = (value: Entrance) => SetMetadata<string, Entrance>(entranceKey, value)

/** Needs no access token. A token that is sent is verified all the same. */
export const Public = () => entrance('public')

/** Any signed-in user of the tenant; the handler acts on the caller's own data only. */
export const SelfService = () => entrance('self')

/** Any caller with a valid token, user or machine client, whatever its roles. */
export const SignedIn = () => entrance('signed-in')
