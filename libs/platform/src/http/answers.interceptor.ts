/** Sends what `@Answers` declares and nothing else. */
import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common'
import { map, type Observable } from 'rxjs'
import { answerOf } from './answers.js'

export class AnswersInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const schema = answerOf(context.getHandler())?.schema
    return schema ? next.handle().pipe(map((value) => (isStream(value) ? value : schema.parse(value)))) : next.handle()
  }
}

/** Exports are streams or bytes: their shape is not JSON. */
const isStream = (value: unknown): boolean =>
  value instanceof Uint8Array || (typeof value === 'object' && value !== null && ('pipe' in value || 'getStream' in value))
