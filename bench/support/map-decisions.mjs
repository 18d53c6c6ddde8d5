/** The limit of the decisions benchmark: the same HTTP server (Fastify), the same requests and answers, and a look-up in a Map instead of an engine. */
import { createInterface } from 'node:readline'
import fastify from 'fastify'

const verdicts = new Map()
const app = fastify({ bodyLimit: 4 * 1024 * 1024 })
app.post('/decisions/batch', (request, reply) => {
  const answers = request.body.decisions.map(({ subject, action, resource }) => ({ allowed: verdicts.get(`${subject}/${action}/${resource}`) ?? false }))
  void reply.type('application/json').send(Buffer.from(JSON.stringify({ verdicts: answers, policyVersion: 'none' })))
})

// Its answers come in as lines of `subject/action/resource`, then an empty line.
for await (const line of createInterface({ input: process.stdin })) {
  if (line === '') break
  verdicts.set(line, true)
}
process.stdout.write(`ready ${await app.listen({ port: 0, host: '127.0.0.1' })}\n`)
