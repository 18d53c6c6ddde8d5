/** The hosted pages as Liquid templates: plain forms that work without JavaScript. Every value is escaped. */
import { layout } from './layout.js'

/** Addresses, passwords and codes are written from left to right in every language. */
const field = (name: string, type: string, label: string, more = '', id = name) =>
  `<label for="${id}">{{ t.${label} }}</label><input id="${id}" name="${name}" type="${type}" required ${type === 'text' ? 'dir="auto"' : 'dir="ltr"'} ${more}>`
const form = (action: string, body: string) => `<form method="post" action="{{ action }}"><input type="hidden" name="action" value="${action}">${body}</form>`
const button = (label: string, quiet = false) => `<button${quiet ? ' class="quiet"' : ''}>{{ t.${label} }}</button>`
const hidden = (name: string) => `<input type="hidden" name="${name}" value="{{ ${name} }}">`

const emailField = (more = '') => field('email', 'email', 'email', `autocomplete="username" maxlength="254" value="{{ email }}" ${more}`)
const email = emailField()
const password = field('password', 'password', 'password', 'autocomplete="current-password" maxlength="1024"')
const newPassword = (label: string, name = 'password') =>
  `${field(name, 'password', label, `autocomplete="new-password" minlength="{{ minLength }}" maxlength="1024" aria-describedby="${name}-hint"`)}<p class="hint" id="${name}-hint">{{ lengthHint }}</p>`
const name = field('name', 'text', 'name', 'autocomplete="name" maxlength="200" value="{{ name }}" autofocus')
const code = `<label for="code">{{ t.code }}</label><input class="code" id="code" name="code" type="text" dir="ltr" inputmode="numeric" autocomplete="one-time-code" pattern="[0-9]{6}" maxlength="6" required autofocus>`
const cancel = `{% if cancelable %}${form('abort', button('cancel', true))}{% endif %}`
const link = (url: string, label: string) => `{% if ${url} %}<a href="{{ ${url} }}">{{ t.${label} }}</a>{% endif %}`
const page = (body: string) => layout.replace('BODY', body)

const signUpLink = '{% if signUpUrl %}<span>{{ t.noAccount }} <a href="{{ signUpUrl }}">{{ t.create }}</a></span>{% endif %}'
const details = (section: string, title: string, body: string) =>
  `<details{% if open == "${section}" %} open{% endif %}><summary>{{ t.${title} }}</summary>${body}</details>`

export const templates = {
  'sign-in': page(
    `${form('sign-in', `${emailField('{% if email == "" %}autofocus{% endif %}')}${password}${button('signIn')}`)}<p class="links">${link('forgotUrl', 'forgot')}${signUpLink}</p>${cancel}`,
  ),
  'sign-up': page(`${form('sign-up', `${name}${email}${newPassword('password')}${button('create')}`)}
<p class="links"><span>{{ t.haveAccount }} <a href="{{ signInUrl }}">{{ t.signIn }}</a></span></p>${cancel}`),
  verify: page(`${form('verify', `${hidden('challenge')}${code}${button('confirm')}`)}
${form('resend', `${hidden('challenge')}${button('resend', true)}`)}<p class="links">${link('signInUrl', 'backToSignIn')}</p>`),
  forgot: page(`${form('forgot', `${emailField('autofocus')}${button('sendLink')}`)}<p class="links">${link('signInUrl', 'backToSignIn')}</p>`),
  notice: page(
    `{% if detail %}<p><code dir="ltr">{{ detail }}</code></p>{% endif %}<p class="links">${link('forgotUrl', 'requestAnother')}${link('signInUrl', 'backToSignIn')}</p>`,
  ),
  reset: page(form('reset', `${hidden('token')}${newPassword('newPassword')}${button('save')}`)),
  consent: page(
    `<ul>{% for scope in scopes %}<li>{{ scope }}</li>{% endfor %}</ul><p>{{ leaving }}</p>${form('consent', button('allow'))}${form('abort', button('deny', true))}`,
  ),
  account: page(`<h2>{{ t.sessions }}</h2>
<ul>{% for session in sessions %}<li><bdi>{{ session.device }}</bdi>{% if session.current %}<span class="tag">{{ t.thisSession }}</span>{% endif %}</li>{% endfor %}</ul>
{% if others %}${form('sign-out-others', button('signOutOthers', true))}{% endif %}
<h2>{{ t.security }}</h2>
${details(
  'password',
  'changePassword',
  form(
    'password',
    `<input type="hidden" name="username" autocomplete="username" value="{{ email }}">${field('current', 'password', 'currentPassword', 'autocomplete="current-password" maxlength="1024"')}${newPassword('newPassword', 'wanted')}${button('save')}`,
  ),
)}
${details(
  'email',
  'changeEmail',
  form(
    'email',
    `${field('email', 'email', 'newEmail', 'autocomplete="email" maxlength="254" value="{{ wantedEmail }}"')}${field('password', 'password', 'currentPassword', 'autocomplete="current-password" maxlength="1024"')}${button('sendCode')}`,
  ),
)}
${form('sign-out', button('signOut', true))}`),
  'confirm-email': page(
    `${form('email-code', `${hidden('challenge')}${code}${button('confirm')}`)}<p class="links"><a href="{{ action }}">{{ t.backToAccount }}</a></p>`,
  ),
  'set-up': page(form('set-up', `${hidden('token')}${name}${email}${newPassword('password')}${button('create')}`)),
  logout: page(
    `{{ form | raw }}<button type="submit" form="op.logoutForm" name="logout" value="yes" autofocus>{{ t.signOut }}</button><button type="submit" form="op.logoutForm" class="quiet">{{ t.staySignedIn }}</button>`,
  ),
  mailbox: page(
    `{% for mail in mails %}<article><h2 dir="auto">{{ mail.subject }}</h2><p><bdi>{{ mail.to }}</bdi> · <time datetime="{{ mail.sentAt }}">{{ mail.when }}</time></p><pre dir="auto">{{ mail.text }}</pre>{% if mail.link %}<a href="{{ mail.link }}">{{ mail.link }}</a>{% endif %}</article>{% else %}<p>No mail yet. What would have been sent stands here, newest first.</p>{% endfor %}`,
  ),
} as const

export type TemplateName = keyof typeof templates
