/** The error reference for people: `type` of a problem leads to one of these pages. Made from the closed lists of the services. */
import { createHash } from 'node:crypto'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { commonProblems, type ProblemType } from '@pavan/contracts'
import { RefusalError } from '@pavan/kernel'
import type { ServiceDirectory } from '@pavan/platform/service/service-directory.js'
import { iconPath } from './icon.js'

interface Entry extends ProblemType {
  readonly code: string
  /** Who answers it. */
  readonly from: string
}

/** The colours and shapes of the hosted pages. */
const style = `:root{--accent:#1f4fd8;color-scheme:light dark;--ink:#16202e;--soft:#5a6779;--line:#cfd6e0;--card:#fff;--ground:#f1f4f9}
@media (prefers-color-scheme:dark){:root{--accent:#8fb8ff;--ink:#eef2f8;--soft:#a9b4c4;--line:#3a4658;--card:#18202c;--ground:#0e141d}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;padding:24px;background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
main{width:100%;max-width:960px;margin:0 auto;background:var(--card);border:1px solid var(--line);border-radius:14px;padding:32px;box-shadow:0 8px 30px rgb(15 30 60/.08)}
.brand{font-weight:650;color:var(--soft);margin:0 0 18px}h1{font-size:1.5rem;line-height:1.25;margin:0 0 4px}h2{font-size:1.1rem;margin:28px 0 8px}
p{margin:0 0 16px;color:var(--soft)}a{color:var(--accent)}:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.scroll{overflow-x:auto}table{width:100%;border-collapse:collapse}th,td{text-align:start;vertical-align:top;padding:8px 12px 8px 0;border-top:1px solid var(--line)}
code{overflow-wrap:anywhere}dl{display:grid;grid-template-columns:max-content 1fr;gap:10px 24px;margin:20px 0}dt{font-weight:600}dd{margin:0}`

const policy = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`

const escape = (text: string | number): string => String(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)

const page = (title: string, body: string): string => `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="${iconPath}"><title>${escape(title)} · Pavan</title><style>${style}</style></head>
<body><main><p class="brand">Pavan</p><h1>${escape(title)}</h1>
${body}
</main></body>
</html>`

/** Every problem once, the common ones first. */
export const problemsIn = (directory: Pick<ServiceDirectory, 'list'>): ReadonlyMap<string, Entry> => {
  const lists = [{ title: 'Any service', problems: commonProblems }, ...directory.list()]
  const entries = new Map<string, Entry>()
  for (const { title, problems } of lists) {
    for (const [code, type] of Object.entries(problems)) if (!entries.has(code)) entries.set(code, { ...type, code, from: title })
  }
  return entries
}

/** `{name}` in a text stands for a value of the single answer. */
const told = (text: string): string => escape(text).replace(/\{(\w+)\}/g, '<em>$1</em>')

const list = (entries: Iterable<Entry>): string => {
  const rows = Map.groupBy(entries, ({ from }) => from)
  const tables = [...rows].map(
    ([from, some]) => `<h2>${escape(from)}</h2>
<div class="scroll"><table><thead><tr><th scope="col">Code</th><th scope="col">Status</th><th scope="col">Title</th></tr></thead><tbody>
${some.map(({ code, status, title }) => `<tr><td><a href="/problems/${code}"><code>${code}</code></a></td><td>${status}</td><td>${escape(title)}</td></tr>`).join('\n')}
</tbody></table></div>`,
  )
  return page(
    'Errors',
    `<p>Every error is a problem document (RFC 9457). Its <code>code</code> is one of this closed list. The operations are at <a href="/docs">/docs</a>.</p>\n${tables.join('\n')}`,
  )
}

const one = ({ code, status, title, detail, from }: Entry): string =>
  page(
    title,
    `<dl><dt>Code</dt><dd><code>${code}</code></dd><dt>Status</dt><dd>${status}</dd><dt>What to do</dt><dd>${told(detail)}</dd><dt>Answered by</dt><dd>${escape(from)}</dd></dl>
<p>The answer names the request in <code>instance</code> and its trace in <code>trace_id</code>; the log has both. Wrong inputs are listed in <code>errors</code>.</p>
<p><a href="/problems">All errors</a></p>`,
  )

export const problemPages = (fastify: FastifyInstance, directory: ServiceDirectory): void => {
  const send = (reply: FastifyReply, html: string) =>
    reply.header('content-security-policy', policy).header('cache-control', 'public, max-age=300').type('text/html; charset=utf-8').send(html)
  fastify.get('/problems', (_request, reply) => send(reply, list(problemsIn(directory).values())))
  fastify.get<{ Params: { code: string } }>('/problems/:code', (request, reply) => {
    const entry = problemsIn(directory).get(request.params.code)
    if (!entry) throw new RefusalError('request.route.not-found')
    return send(reply, one(entry))
  })
}
