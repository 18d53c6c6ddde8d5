/**
 * Lets go of what an answered request holds. oidc-provider defines `ctx.oidc` by a getter of its own for each request, and V8 keeps the pair of
 * functions of such a property with the old objects: until the next full collection everything that the getter reaches counts as alive, is
 * copied by every collection of young objects, and grows old itself. Cut off, a request costs half of that. docs/adr/0048-one-log-for-the-bus.md
 * has the figures.
 */
import type { KoaContextWithOIDC } from 'oidc-provider'

/** To be called when nothing but the sending of the answer is left to do. Where the answer is not sent completely, everything stays. */
export const releaseWhenAnswered = (ctx: KoaContextWithOIDC): void => {
  const { res } = ctx
  res.once('close', () => {
    if (!res.writableFinished) return
    const oidc = ctx.oidc as unknown as Record<string, unknown> | undefined
    if (oidc) for (const part of Object.keys(oidc)) oidc[part] = undefined
    for (const part of ['req', 'res', 'request', 'response', 'state', 'params']) (ctx as unknown as Record<string, unknown>)[part] = undefined
  })
}
