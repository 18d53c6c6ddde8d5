import { fillTemplates, unknownTemplates } from './rule-templates.js'

test('templates are filled as values', () => {
  const subject = { id: '$ne', tenant: 'ten_1', organizations: ['org_1', 'org_2'] }
  const filled = fillTemplates(
    { owner: '${subject.id}', org: '${subject.organizations}', other: { $in: ['x', '${subject.organizations}'], $ne: '${subject.tenant}' } },
    subject,
  )
  expect(filled).toEqual({ owner: '$ne', org: { $in: ['org_1', 'org_2'] }, other: { $in: ['x', 'org_1', 'org_2'], $ne: 'ten_1' } })
  expect(unknownTemplates({ a: '${subject.name}', b: '${subject.id}' })).toEqual(['${subject.name}'])
})
