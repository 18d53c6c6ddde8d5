/** What a profile holds until the tenant says otherwise: the standard claims of OpenID Connect Core section 5.1. */
import { z } from 'zod'
import { attributeDefinition, type AttributeDefinition } from './attribute.js'

export const defaultProfileSchema: readonly AttributeDefinition[] = z.array(attributeDefinition).parse([
  { key: 'name', label: { en: 'Full name', ar: 'الاسم الكامل' }, type: 'string', maxLength: 200 },
  { key: 'given_name', label: { en: 'Given name', ar: 'الاسم الأول' }, type: 'string', maxLength: 120 },
  { key: 'family_name', label: { en: 'Family name', ar: 'اسم العائلة' }, type: 'string', maxLength: 120 },
  { key: 'nickname', label: { en: 'Nickname', ar: 'اللقب' }, type: 'string', maxLength: 80 },
  { key: 'picture', label: { en: 'Picture', ar: 'الصورة' }, type: 'url' },
  { key: 'phone_number', label: { en: 'Phone', ar: 'الهاتف' }, type: 'phone' },
  { key: 'birthdate', label: { en: 'Date of birth', ar: 'تاريخ الميلاد' }, type: 'date' },
  { key: 'address', label: { en: 'Address', ar: 'العنوان' }, type: 'address' },
  { key: 'locale', label: { en: 'Language', ar: 'اللغة' }, type: 'string', format: 'language-tag', maxLength: 35 },
  { key: 'zoneinfo', label: { en: 'Time zone', ar: 'المنطقة الزمنية' }, type: 'string', format: 'time-zone', maxLength: 64 },
])
