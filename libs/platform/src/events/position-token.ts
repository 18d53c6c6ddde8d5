/** `identity:0:123`: what a command answers and a read may wait for. */
export type PositionToken = string

export interface TokenParts {
  readonly context: string
  readonly p: number
  readonly seq: number
}

export const positionToken = (context: string, position: { readonly p: number; readonly seq: number }): PositionToken =>
  `${context}:${position.p}:${position.seq}`

/** The parts, or `undefined` when the text is no position. */
export const parsePositionToken = (text: string): TokenParts | undefined => {
  const match = /^([a-z][a-z-]{0,31}):(\d{1,5}):(\d{1,15})$/.exec(text)
  return match ? { context: match[1] as string, p: Number(match[2]), seq: Number(match[3]) } : undefined
}
