/** Which new passwords a tenant takes. */
import type { ZxcvbnFactory } from '@zxcvbn-ts/core'
import type { TenantSettings } from '@pavan/contracts'
import { refuse, type Refusal } from '@pavan/kernel'

let estimator: Promise<ZxcvbnFactory> | undefined

/** The word lists take some memory, so they are loaded when the first password is chosen. */
const load = async (): Promise<ZxcvbnFactory> => {
  const [{ ZxcvbnFactory: Factory }, common, english] = await Promise.all([
    import('@zxcvbn-ts/core'),
    import('@zxcvbn-ts/language-common'),
    import('@zxcvbn-ts/language-en'),
  ])
  return new Factory({ dictionary: { ...common.dictionary, ...english.dictionary }, graphs: common.adjacencyGraphs })
}

/** The refusal of a password that is too short (NIST SP 800-63B) or too easy to guess (zxcvbn), also from the person's own values. */
export const judgePassword = async (password: string, rules: TenantSettings['password'], own: readonly string[]): Promise<Refusal | undefined> => {
  if ([...password].length < rules.minLength) return refuse('identity.password.too-short', { length: rules.minLength })
  estimator ??= load()
  const { score } = (await estimator).check(password.slice(0, 128), [...own])
  return score < rules.minScore ? refuse('identity.password.too-weak') : undefined
}
