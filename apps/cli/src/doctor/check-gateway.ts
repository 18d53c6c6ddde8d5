/** Whether the gateway answers under PAVAN_URL, all services are ready, and issuers are named by it. */
import { appConfig } from '@pavan/platform/service/app-config.js'
import type { Finding } from '@pavan/platform/service/finding.js'
import { readConfig } from '@pavan/platform/service/service-config.js'

const issuerPath = '/t/main'

export const checkGateway = async (env: NodeJS.ProcessEnv): Promise<readonly Finding[]> => {
  const { PAVAN_URL: base } = readConfig(appConfig, env)
  if (!base)
    return [{ level: 'error', sentence: 'PAVAN_URL is not set.', remedy: 'Set it, for every service, to the address at which people reach the gateway.' }]
  const readiness = await ask<{ missing: readonly string[] }>(`${base}/readyz`)
  if (!readiness)
    return [
      {
        level: 'error',
        sentence: `Nobody answers at PAVAN_URL, ${base}.`,
        remedy: 'Start the gateway, or correct PAVAN_URL or what stands in front of the gateway.',
      },
    ]
  const missing = readiness.missing.length > 0
  const ready: Finding = missing
    ? {
        level: 'error',
        sentence: `The gateway answers, but ${readiness.missing.join(', ')} are not ready.`,
        remedy: 'Look at /readyz and at the logs of these services; check PAVAN_SERVICES.',
      }
    : { level: 'ok', sentence: `The gateway answers at ${base}, and all services are ready.` }
  const found = await ask<{ issuer?: string }>(`${base}${issuerPath}/.well-known/openid-configuration`)
  const expected = `${base}${issuerPath}`
  if (found?.issuer === expected) return [ready, { level: 'ok', sentence: `The issuer is reached under its own name, ${expected}.` }]
  return [
    ready,
    {
      level: 'error',
      sentence:
        found?.issuer === undefined ? `The issuer ${expected} cannot be reached.` : `The issuer calls itself ${found.issuer}, but is reached as ${expected}.`,
      remedy: 'Give every service the same PAVAN_URL, the address at which people reach the gateway.',
    },
  ]
}

const ask = async <T>(url: string): Promise<T | undefined> => {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(5000) })
    return (await answer.json()) as T
  } catch {
    return undefined
  }
}
