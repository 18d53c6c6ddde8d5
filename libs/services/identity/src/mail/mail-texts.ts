/** What the mails say. `{name}` is replaced by a value. */
export const mailTexts = {
  'verify-email': {
    en: {
      subject: '{code} is your code for {tenant}',
      text: 'Hello,\n\nyour code is {code}. It is valid for 15 minutes.\n\nIf you did not ask for it, ignore this mail.\n',
    },
    ar: { subject: '{code} هو رمزك لدى {tenant}', text: 'مرحبًا،\n\nرمزك هو {code}، وهو صالح لمدة 15 دقيقة.\n\nإذا لم تطلبه فتجاهل هذه الرسالة.\n' },
  },
  'already-registered': {
    en: {
      subject: 'You already have an account at {tenant}',
      text: 'Hello,\n\nsomebody, perhaps you, tried to register with this address, which already has an account. Sign in instead, or reset your password there.\n\nIf it was not you, ignore this mail.\n',
    },
    ar: {
      subject: 'لديك حساب بالفعل لدى {tenant}',
      text: 'مرحبًا،\n\nحاول شخص ما، ربما أنت، التسجيل بهذا العنوان الذي له حساب بالفعل. سجّل الدخول أو أعد تعيين كلمة المرور.\n\nإذا لم تكن أنت فتجاهل هذه الرسالة.\n',
    },
  },
  'reset-password': {
    en: {
      subject: 'Reset your password at {tenant}',
      text: 'Hello,\n\nchoose a new password here within an hour:\n\n{link}\n\nIf you did not ask for it, ignore this mail.\n',
    },
    ar: {
      subject: 'إعادة تعيين كلمة المرور لدى {tenant}',
      text: 'مرحبًا،\n\nاختر كلمة مرور جديدة هنا خلال ساعة:\n\n{link}\n\nإذا لم تطلب ذلك فتجاهل هذه الرسالة.\n',
    },
  },
  'change-email': {
    en: { subject: '{code} confirms your new address at {tenant}', text: 'Hello,\n\nyour code is {code}. It is valid for 15 minutes.\n' },
    ar: { subject: '{code} يؤكد عنوانك الجديد لدى {tenant}', text: 'مرحبًا،\n\nرمزك هو {code}، وهو صالح لمدة 15 دقيقة.\n' },
  },
  'email-changed': {
    en: {
      subject: 'Your address at {tenant} was changed',
      text: 'Hello,\n\nyour account at {tenant} now has another e-mail address, and this one does not sign in any more.\n\nIf it was not you, tell whoever runs {tenant} at once.\n',
    },
    ar: {
      subject: 'تم تغيير عنوانك لدى {tenant}',
      text: 'مرحبًا،\n\nأصبح لحسابك لدى {tenant} عنوان بريد إلكتروني آخر، ولم يعد هذا العنوان صالحًا لتسجيل الدخول.\n\nإذا لم تفعل ذلك فأخبر من يدير {tenant} فورًا.\n',
    },
  },
  'password-changed': {
    en: {
      subject: 'Your password at {tenant} was changed',
      text: 'Hello,\n\nthe password of your account at {tenant} was changed, and other sign-ins have ended.\n\nIf it was not you, reset your password at once.\n',
    },
    ar: {
      subject: 'تم تغيير كلمة مرورك لدى {tenant}',
      text: 'مرحبًا،\n\nتم تغيير كلمة مرور حسابك لدى {tenant}، وانتهت جلسات الدخول الأخرى.\n\nإذا لم تفعل ذلك فأعد تعيين كلمة المرور فورًا.\n',
    },
  },
} as const

export type MailTemplate = keyof typeof mailTexts

export const fill = (text: string, values: Readonly<Record<string, string>>): string =>
  text.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole)
