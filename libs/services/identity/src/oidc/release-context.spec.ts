import { EventEmitter } from 'node:events'
import { releaseWhenAnswered } from './release-context.js'

const answered = (writableFinished: boolean) => {
  const res = Object.assign(new EventEmitter(), { writableFinished })
  const ctx = { res, req: {}, request: {}, response: {}, state: {}, params: {}, path: '/token', oidc: { entities: {}, params: {} } }
  releaseWhenAnswered(ctx as never)
  res.emit('close')
  return ctx
}

describe('the context of a request', () => {
  it('lets go of its parts when the answer is out', () => {
    expect(answered(true)).toEqual({ path: '/token', oidc: {} })
  })

  it('keeps them where the connection broke first: somebody may still be working on it', () => {
    expect(answered(false)).toEqual(expect.objectContaining({ req: {}, request: {}, response: {}, oidc: { entities: {}, params: {} } }))
  })
})
