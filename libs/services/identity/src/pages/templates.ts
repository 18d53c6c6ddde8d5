/** The hosted pages as Liquid templates: plain forms that work without JavaScript. Every value is escaped. */
const layout = `<!doctype html>
<html lang="{{ language }}" dir="{{ direction }}">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">
<title>{{ title }} · {{ brand }}</title>
<style nonce="{{ nonce }}">
:root{--accent:{{ color }};color-scheme:light dark;--ink:#16202e;--soft:#5a6779;--line:#cfd6e0;--card:#fff;--ground:#f1f4f9}
@media (prefers-color-scheme:dark){:root{--ink:#eef2f8;--soft:#a9b4c4;--line:#3a4658;--card:#18202c;--ground:#0e141d}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:24px;background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Noto Sans Arabic",sans-serif}
main{width:100%;max-width:420px;background:var(--card);border:1px solid var(--line);border-radius:14px;padding:32px;box-shadow:0 8px 30px rgb(15 30 60/.08)}
.brand{font-weight:650;color:var(--soft);margin:0 0 18px;display:flex;gap:10px;align-items:center}.brand img{height:28px}
h1{font-size:1.5rem;line-height:1.25;margin:0 0 4px}p{margin:0 0 16px;color:var(--soft)}
label{display:block;font-weight:600;margin:14px 0 6px}
input:not([type=hidden]){width:100%;font:inherit;color:inherit;background:transparent;border:1px solid var(--line);border-radius:9px;padding:11px 12px}
input.code{letter-spacing:.4em;font-size:1.25rem;text-align:center;direction:ltr}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
button{font:inherit;font-weight:600;width:100%;margin-top:20px;padding:12px;border-radius:9px;border:1px solid transparent;background:var(--accent);color:#fff;cursor:pointer}
button.quiet{background:transparent;color:var(--ink);border-color:var(--line);margin-top:10px}
a{color:var(--accent)}@media (prefers-color-scheme:dark){a{color:#8fb8ff}}
.links{margin:18px 0 0;display:grid;gap:6px}.problem{border:1px solid #c4302b;border-radius:9px;padding:10px 12px;color:#b3261e;background:#fdecea;margin:14px 0 0}
ul{padding-inline-start:20px}pre{white-space:pre-wrap;overflow-wrap:anywhere;font:inherit}code{overflow-wrap:anywhere}
article{border-top:1px solid var(--line);padding:14px 0}main.wide{max-width:820px}
</style>
</head>
<body><main{% if wide %} class="wide"{% endif %}>
<p class="brand">{% if logo %}<img src="{{ logo }}" alt="">{% endif %}{{ brand }}</p>
<h1>{{ title }}</h1>
{% if lead %}<p>{{ lead }}</p>{% endif %}
{% if problem %}<p class="problem" role="alert">{{ problem }}</p>{% endif %}
BODY
</main></body>
</html>`

const field = (name: string, type: string, label: string, more = '') =>
  `<label for="${name}">{{ t.${label} }}</label><input id="${name}" name="${name}" type="${type}" required ${more}>`
const form = (action: string, body: string) => `<form method="post" action="{{ action }}"><input type="hidden" name="action" value="${action}">${body}</form>`
const email = field('email', 'email', 'email', 'autocomplete="username" maxlength="254" value="{{ email }}"')
const password = field('password', 'password', 'password', 'autocomplete="current-password" maxlength="1024"')
const newPassword = (label: string) => field('password', 'password', label, 'autocomplete="new-password" minlength="{{ minLength }}" maxlength="1024"')
const name = field('name', 'text', 'name', 'autocomplete="name" maxlength="200"')
const cancel = `{% if cancelable %}${form('abort', '<button class="quiet">{{ t.cancel }}</button>')}{% endif %}`
const page = (body: string) => layout.replace('BODY', body)

export const templates = {
  'sign-in': page(`${form('sign-in', `${email}${password}<button>{{ t.signIn }}</button>`)}
<p class="links">{% if forgotUrl %}<a href="{{ forgotUrl }}">{{ t.forgot }}</a>{% endif %}{% if signUpUrl %}<span>{{ t.noAccount }} <a href="{{ signUpUrl }}">{{ t.create }}</a></span>{% endif %}</p>${cancel}`),
  'sign-up': page(`${form('sign-up', `${name}${email}${newPassword('password')}<button>{{ t.create }}</button>`)}
<p class="links"><span>{{ t.haveAccount }} <a href="{{ signInUrl }}">{{ t.signIn }}</a></span></p>${cancel}`),
  verify:
    page(`${form('verify', `<input type="hidden" name="challenge" value="{{ challenge }}"><label for="code">{{ t.code }}</label><input class="code" id="code" name="code" inputmode="numeric" autocomplete="one-time-code" pattern="[0-9]{6}" maxlength="6" required autofocus><button>{{ t.confirm }}</button>`)}
${form('resend', '<input type="hidden" name="challenge" value="{{ challenge }}"><button class="quiet">{{ t.resend }}</button>')}
<p class="links"><a href="{{ signInUrl }}">{{ t.backToSignIn }}</a></p>`),
  forgot: page(`${form('forgot', `${email}<button>{{ t.sendLink }}</button>`)}<p class="links"><a href="{{ signInUrl }}">{{ t.backToSignIn }}</a></p>`),
  notice: page(
    '{% if signInUrl %}<p class="links"><a href="{{ signInUrl }}">{{ t.backToSignIn }}</a></p>{% endif %}{% if detail %}<p><code>{{ detail }}</code></p>{% endif %}',
  ),
  reset: page(form('reset', `<input type="hidden" name="token" value="{{ token }}">${newPassword('newPassword')}<button>{{ t.save }}</button>`)),
  consent: page(
    `<ul>{% for scope in scopes %}<li>{{ scope }}</li>{% endfor %}</ul>${form('consent', '<button>{{ t.allow }}</button>')}${form('abort', '<button class="quiet">{{ t.deny }}</button>')}`,
  ),
  account:
    page(`<h2>{{ t.sessions }}</h2><ul>{% for session in sessions %}<li>{{ session.device }} {% if session.current %}<strong>({{ t.thisSession }})</strong>{% endif %}</li>{% endfor %}</ul>
${form('sign-out', '<button class="quiet">{{ t.signOut }}</button>')}`),
  'set-up': page(
    form('set-up', `<input type="hidden" name="token" value="{{ token }}">${name}${email}${newPassword('password')}<button>{{ t.create }}</button>`),
  ),
  logout: page('{{ form | raw }}<button type="submit" form="op.logoutForm" name="logout" value="yes" autofocus>{{ t.signOut }}</button>'),
  mailbox: page(
    `{% for mail in mails %}<article><strong>{{ mail.subject }}</strong><p>{{ mail.to }} · {{ mail.sentAt }}</p><pre>{{ mail.text }}</pre>{% if mail.link %}<a href="{{ mail.link }}">{{ mail.link }}</a>{% endif %}</article>{% endfor %}`,
  ),
} as const

export type TemplateName = keyof typeof templates
