/** The pages of the sample. */
export interface ApiCall {
  readonly title: string
  readonly status: number
  readonly text: string
}

export interface KnownPerson {
  readonly email: string
  readonly password: string
  /** What the person's role allows, in words. */
  readonly role: string
}

const escape = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')

const layout = (body: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Corner Shop</title>
<style>
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; --line: #8883; --soft: #8881; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 50rem; padding: 0 1rem 4rem; }
header { display: flex; align-items: center; gap: .6rem; padding: 1.2rem 0; border-bottom: 1px solid var(--line); font-weight: 600; }
header span { color: #c2410c; font-size: 1.4rem; }
h1 { font-size: 1.7rem; margin: 2rem 0 .5rem; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .5rem; }
button, a.button { display: inline-block; min-height: 2.75rem; padding: .6rem 1.1rem; border: 0; border-radius: .5rem;
  background: #0f5bd7; color: #fff; font: inherit; text-decoration: none; cursor: pointer; }
button:hover, a.button:hover { background: #0b4cb8; }
button.quiet { background: #5b6472; margin-inline-start: auto; }
:focus-visible { outline: 3px solid #f5a623; outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: start; padding: .4rem .6rem; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; vertical-align: top; }
.row { display: flex; flex-wrap: wrap; gap: .6rem; margin: 1rem 0; align-items: center; }
.call { border: 1px solid var(--line); border-inline-start: .3rem solid #15803d; border-radius: .5rem; padding: .6rem .9rem; margin: .6rem 0; background: var(--soft); }
.call.refused { border-inline-start-color: #b91c1c; }
.call p { margin: 0; }
code { font-size: .9em; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
</style>
</head>
<body>
<header><span aria-hidden="true">◧</span> Corner Shop</header>
<main>
${body}
</main>
</body>
</html>`

export const homePage = (people: readonly KnownPerson[], ended = false): string =>
  layout(`<h1>Welcome</h1>
${ended ? '<p role="status">Your session has ended. Please sign in again.</p>' : '<p>A sample application: its own process, its own code, signing people in with Pavan.</p>'}
<p><a class="button" href="/sign-in">Sign in</a></p>
<h2>Who can sign in</h2>
<div class="scroll"><table><thead><tr><th scope="col">E-mail address</th><th scope="col">Password</th><th scope="col">Role</th></tr></thead><tbody>
${people.map(({ email, password, role }) => `<tr><td><code>${escape(email)}</code></td><td><code>${escape(password)}</code></td><td>${escape(role)}</td></tr>`).join('\n')}
</tbody></table></div>`)

const outcomeOf = (status: number): string => (status < 400 ? 'allowed' : status === 403 ? 'refused' : 'failed')

export interface SignedInPage {
  readonly claims: Record<string, unknown>
  readonly calls: readonly ApiCall[]
  readonly actions: readonly { readonly name: string; readonly title: string }[]
}

export const signedInPage = ({ claims, calls, actions }: SignedInPage): string =>
  layout(`<h1>Hello, ${escape(String(claims.name ?? claims.email ?? 'somebody'))}</h1>
<p>Every button calls the orders API with your access token; the API asks Pavan whether your role may do it.</p>
<div class="row">
${actions.map(({ name, title }) => `<form method="post" action="/orders?action=${name}"><button>${escape(title)}</button></form>`).join('\n')}
<form method="post" action="/sign-out"><button class="quiet">Sign out</button></form>
</div>
<div aria-live="polite">
${calls
  .map(
    ({ title, status, text }) =>
      `<div class="call ${outcomeOf(status)}"><p><strong>${escape(title)}: ${outcomeOf(status)} (${status})</strong></p><p><code>${escape(text)}</code></p></div>`,
  )
  .join('\n')}
</div>
<h2>What Pavan says about you</h2>
<div class="scroll"><table><thead><tr><th scope="col">Claim</th><th scope="col">Value</th></tr></thead><tbody>
${Object.entries(claims)
  .map(([name, value]) => `<tr><td>${escape(name)}</td><td>${escape(typeof value === 'string' ? value : JSON.stringify(value))}</td></tr>`)
  .join('\n')}
</tbody></table></div>`)

export const troublePage = (reason: string): string =>
  layout(`<h1>That did not work</h1>
<p>${escape(reason)}</p>
<p><a class="button" href="/">Start again</a></p>`)
