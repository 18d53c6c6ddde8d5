/**
 * What a page found out about an authorization request (who signed in, what was allowed, that nobody wants to), on its way to the provider in the same
 * exchange. It is never stored apart: of several answers to one page each goes on with its own, and whoever uses up the interaction is the one.
 */
import type { IncomingMessage } from 'node:http'
import type { InteractionResults } from 'oidc-provider'
import type { NewSession } from '../session/new-session.js'

export interface Outcome {
  /** Of the interaction. */
  readonly uid: string
  readonly result: InteractionResults
  /** A session that begins with this: it is written in one commit with what the person gets by it. */
  readonly session?: NewSession
}

const carried = new WeakMap<IncomingMessage, Outcome>()

export const carry = (request: IncomingMessage, outcome: Outcome): void => void carried.set(request, outcome)

export const outcomeOf = (request: IncomingMessage | undefined): Outcome | undefined => request && carried.get(request)
