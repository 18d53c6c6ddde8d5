/** E-mail addresses as people write them and as they are compared. */
import { domainToASCII } from 'node:url'
import { z } from 'zod'

const ascii = z.email()

/**
 * The form in which an address is kept, sent to and compared: NFKC (so that full-width letters are the ordinary ones), lower case, the domain in
 * its ASCII form (RFC 5890). Plus-addresses stay distinct. Undefined when it is no address (RFC 5321: at most 254 octets).
 */
export const normalizeEmail = (text: string): string | undefined => {
  const [local, domain, ...rest] = text.normalize('NFKC').trim().toLowerCase().split('@')
  if (!local || !domain || rest.length > 0) return undefined
  const host = domainToASCII(domain)
  const address = `${local}@${host}`
  return host &&
    address.length <= 254 &&
    ascii.safeParse(`${/^[\x21-\x7e]+$/.test(local) ? local : 'x'}@${host}`).success &&
    !/[\s<>"(),:;\\[\]\p{C}]/u.test(local)
    ? address
    : undefined
}

export const emailInput = z
  .string()
  .max(254)
  .transform((text, context) => {
    const email = normalizeEmail(text)
    if (email !== undefined) return email
    context.addIssue({ code: 'custom', message: 'is not an e-mail address' })
    return z.NEVER
  })
