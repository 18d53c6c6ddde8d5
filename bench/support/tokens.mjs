/** Token requests that check what comes back. The same functions ask our server and its limit. */
import { call } from './harness.mjs'

export const basic = (id, secret) => `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')}`
export const formType = 'application/x-www-form-urlencoded'

export const isJwt = (token) => typeof token === 'string' && token.split('.').length === 3

export const claimsOf = (jwt) => JSON.parse(Buffer.from(jwt.split('.')[1], 'base64url').toString())

/** One POST to the token endpoint. Throws when there is no JWT access token in the answer. */
export const tokenRequest = async (issuer, fields, headers = {}) => {
  const body = new URLSearchParams(fields).toString()
  const { status, text } = await call(`${issuer}/token`, { method: 'POST', headers: { 'content-type': formType, ...headers }, body })
  const tokens = status === 200 ? JSON.parse(text) : {}
  if (!isJwt(tokens.access_token)) throw new Error(`no token: ${status} ${text.slice(0, 300)}`)
  return tokens
}

/** Client credentials (RFC 6749 section 4.4). */
export const issue = ({ issuer, clientId, clientSecret }) => {
  const headers = { authorization: basic(clientId, clientSecret) }
  return () => tokenRequest(issuer, { grant_type: 'client_credentials' }, headers)
}

/** Refreshes, each with a token of its own turn: every worker owns a share of the tokens and goes through it again and again. */
export const refresh = (issuer, tokens, concurrency, { fields = {}, headers = {} }) => {
  const places = Array.from({ length: concurrency }, (_, worker) => worker)
  return async (worker) => {
    const place = places[worker]
    places[worker] = place + concurrency < tokens.length ? place + concurrency : worker
    const before = tokens[place]
    const answer = await tokenRequest(issuer, { grant_type: 'refresh_token', refresh_token: before, ...fields }, headers)
    if (!answer.refresh_token || answer.refresh_token === before) throw new Error('the refresh token was not rotated')
    if (!isJwt(answer.id_token)) throw new Error('no ID token')
    tokens[place] = answer.refresh_token
  }
}
