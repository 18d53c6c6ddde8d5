/** Access tokens of machine clients. */
import { call, expectStatus } from './http.js'
import type { System } from './system.js'

export interface MachineClient {
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret: string
}

/** RFC 6749 section 4.4 with client_secret_basic. */
export const machineToken = async (client: MachineClient, more: Record<string, string> = {}): Promise<string> => {
  const credentials = Buffer.from(`${encodeURIComponent(client.clientId)}:${encodeURIComponent(client.clientSecret)}`).toString('base64')
  const answer = await call<{ access_token: string }>(`${client.issuer}/token`, {
    form: { grant_type: 'client_credentials', ...more },
    headers: { authorization: `Basic ${credentials}` },
  })
  return expectStatus(answer, 200).json.access_token
}

export const operatorToken = (system: System): Promise<string> => machineToken(system.operator)
