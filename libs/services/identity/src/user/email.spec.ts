import { normalizeEmail } from './email.js'

test.each([
  [' Ada@Example.ORG ', 'ada@example.org'],
  ['ａｄａ@ｅｘａｍｐｌｅ.org', 'ada@example.org'],
  ['ada+shop@example.org', 'ada+shop@example.org'],
  ['ada@bücher.example', 'ada@xn--bcher-kva.example'],
])('%s is compared as %s', (text, email) => expect(normalizeEmail(text)).toBe(email))

test.each([
  '',
  'ada',
  '@example.org',
  'ada@',
  'a@b@c.org',
  'a b@example.org',
  'ada@exa mple.org',
  `${'a'.repeat(250)}@example.org`,
  'a\0b@example.org',
  '<a>@example.org',
])('%j is no address', (text) => expect(normalizeEmail(text)).toBeUndefined())
