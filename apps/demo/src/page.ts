/** The two pages of the sample. */
export interface ApiCall {
  readonly action: string
  readonly status: number
  readonly text: string
}

const escape = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')

const layout = (body: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Corner Shop</title>
<style>
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 46rem; padding: 2rem 1rem 4rem; }
h1 { font-size: 1.6rem; }
button, a.button { display: inline-block; min-height: 2.75rem; box-sizing: border-box; padding: .6rem 1.1rem; border: 0; border-radius: .5rem;
  background: #0f5bd7; color: #fff; font: inherit; text-decoration: none; cursor: pointer; }
button.quiet { background: #5b6472; }
:focus-visible { outline: 3px solid #f5a623; outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
th, td { text-align: start; padding: .35rem .6rem; border-bottom: 1px solid #8884; overflow-wrap: anywhere; vertical-align: top; }
.row { display: flex; flex-wrap: wrap; gap: .6rem; margin: 1rem 0; }
code { font-size: .9em; }
</style>
</head>
<body>
${body}
</body>
</html>`

export const homePage = (hints: readonly string[]): string =>
  layout(`<h1>Corner Shop</h1>
<p>A sample application. Its people sign in with Pavan.</p>
<p><a class="button" href="/sign-in">Sign in</a></p>
${hints.length > 0 ? `<h2>Who can sign in</h2><ul>${hints.map((hint) => `<li>${escape(hint)}</li>`).join('')}</ul>` : ''}`)

export const signedInPage = (person: { readonly claims: Record<string, unknown>; readonly calls: readonly ApiCall[] }): string =>
  layout(`<h1>Signed in</h1>
<div class="row">
<form method="post" action="/orders?action=read"><button>Read orders</button></form>
<form method="post" action="/orders?action=approve"><button>Approve order 1</button></form>
<form method="post" action="/sign-out"><button class="quiet">Sign out</button></form>
</div>
${person.calls.map((call) => `<p id="call"><strong>${call.action}: ${call.status}</strong> <code>${escape(call.text)}</code></p>`).join('\n')}
<h2>Claims</h2>
<table><thead><tr><th scope="col">claim</th><th scope="col">value</th></tr></thead><tbody>
${Object.entries(person.claims)
  .map(([name, value]) => `<tr><td>${escape(name)}</td><td>${escape(typeof value === 'string' ? value : JSON.stringify(value))}</td></tr>`)
  .join('\n')}
</tbody></table>`)
