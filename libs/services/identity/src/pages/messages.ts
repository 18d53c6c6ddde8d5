/** Texts of the hosted pages. A language is complete or the compiler says so. */
const en = {
  signIn: 'Sign in',
  signInTo: 'to continue to {client}',
  email: 'E-mail',
  password: 'Password',
  newPassword: 'New password',
  name: 'Name',
  code: 'Code',
  create: 'Create account',
  noAccount: 'No account yet?',
  haveAccount: 'Have an account already?',
  forgot: 'Forgot your password?',
  cancel: 'Cancel',
  checkMail: 'Check your mail',
  codeSent: 'If the address can be used, a mail with a code of six digits is on its way to it. Enter the code here.',
  confirm: 'Confirm',
  resend: 'Send another code',
  resetTitle: 'Reset your password',
  resetHint: 'Enter your address. If it has an account, we send a link to it.',
  sendLink: 'Send the link',
  linkSent: 'If the address has an account, a mail with a link is on its way. It is valid for an hour.',
  backToSignIn: 'Back to sign in',
  chooseNew: 'Choose a new password',
  save: 'Save',
  passwordChanged: 'Your password is changed. You are signed out everywhere; sign in with the new one.',
  allow: 'Allow',
  deny: 'Deny',
  consentTitle: '{client} asks for access',
  consentHint: 'It wants to use the following of your account:',
  account: 'Your account',
  signedInAs: 'Signed in as {email}',
  sessions: 'Where you are signed in',
  thisSession: 'this browser',
  signOut: 'Sign out',
  signOutQuestion: 'Sign out?',
  signedOut: 'You are signed out',
  closePage: 'You can close this page.',
  setUp: 'Create the first administrator',
  setUpHint: 'This link works once. The administrator may do everything in this tenant.',
  failed: 'This did not work',
  goBack: 'Go back to the application and start again.',
  problems: {
    wrong: 'The address or the password is wrong.',
    locked: 'Too many attempts. Wait a while, or reset your password.',
    blocked: 'This account cannot be used. Ask whoever runs the application.',
    expired: 'The code or link is no longer valid. Start again.',
    code: 'The code is wrong.',
    email: 'This is not an e-mail address.',
    short: 'The password is too short.',
    weak: 'The password is too easy to guess. Make it longer or less usual.',
    taken: 'This cannot be done again. Sign in instead.',
    closed: 'Registration is closed.',
    busy: 'Too much is going on. Try again in a moment.',
  },
  scopes: {
    profile: 'Your name and other profile values',
    email: 'Your e-mail address',
    phone: 'Your phone number',
    address: 'Your address',
    offline_access: 'Stay connected when you are away',
  },
}

export type Messages = typeof en

const ar: Messages = {
  signIn: 'تسجيل الدخول',
  signInTo: 'للمتابعة إلى {client}',
  email: 'البريد الإلكتروني',
  password: 'كلمة المرور',
  newPassword: 'كلمة المرور الجديدة',
  name: 'الاسم',
  code: 'الرمز',
  create: 'إنشاء حساب',
  noAccount: 'ليس لديك حساب؟',
  haveAccount: 'لديك حساب بالفعل؟',
  forgot: 'هل نسيت كلمة المرور؟',
  cancel: 'إلغاء',
  checkMail: 'تحقق من بريدك',
  codeSent: 'إذا كان العنوان صالحًا للاستخدام فستصل إليه رسالة برمز من ستة أرقام. أدخل الرمز هنا.',
  confirm: 'تأكيد',
  resend: 'إرسال رمز آخر',
  resetTitle: 'إعادة تعيين كلمة المرور',
  resetHint: 'أدخل عنوانك. إذا كان له حساب فسنرسل إليه رابطًا.',
  sendLink: 'إرسال الرابط',
  linkSent: 'إذا كان للعنوان حساب فستصل رسالة برابط صالح لمدة ساعة.',
  backToSignIn: 'العودة إلى تسجيل الدخول',
  chooseNew: 'اختر كلمة مرور جديدة',
  save: 'حفظ',
  passwordChanged: 'تم تغيير كلمة المرور. تم تسجيل خروجك من كل مكان؛ سجّل الدخول بالكلمة الجديدة.',
  allow: 'السماح',
  deny: 'رفض',
  consentTitle: 'يطلب {client} الوصول',
  consentHint: 'يريد استخدام ما يلي من حسابك:',
  account: 'حسابك',
  signedInAs: 'تم تسجيل الدخول باسم {email}',
  sessions: 'الأماكن التي سجلت الدخول منها',
  thisSession: 'هذا المتصفح',
  signOut: 'تسجيل الخروج',
  signOutQuestion: 'هل تريد تسجيل الخروج؟',
  signedOut: 'تم تسجيل خروجك',
  closePage: 'يمكنك إغلاق هذه الصفحة.',
  setUp: 'إنشاء المسؤول الأول',
  setUpHint: 'يعمل هذا الرابط مرة واحدة. يستطيع المسؤول فعل كل شيء في هذا المستأجر.',
  failed: 'لم ينجح ذلك',
  goBack: 'عد إلى التطبيق وابدأ من جديد.',
  problems: {
    wrong: 'العنوان أو كلمة المرور غير صحيحة.',
    locked: 'محاولات كثيرة جدًا. انتظر قليلًا أو أعد تعيين كلمة المرور.',
    blocked: 'لا يمكن استخدام هذا الحساب. اسأل من يدير التطبيق.',
    expired: 'لم يعد الرمز أو الرابط صالحًا. ابدأ من جديد.',
    code: 'الرمز غير صحيح.',
    email: 'هذا ليس عنوان بريد إلكتروني.',
    short: 'كلمة المرور قصيرة جدًا.',
    weak: 'كلمة المرور سهلة التخمين. اجعلها أطول أو أقل شيوعًا.',
    taken: 'لا يمكن فعل ذلك مرة أخرى. سجّل الدخول بدلًا من ذلك.',
    closed: 'التسجيل مغلق.',
    busy: 'هناك ضغط كبير. حاول مرة أخرى بعد لحظة.',
  },
  scopes: { profile: 'اسمك وقيم ملفك الأخرى', email: 'بريدك الإلكتروني', phone: 'رقم هاتفك', address: 'عنوانك', offline_access: 'البقاء متصلًا عند غيابك' },
}

export const languages = { en: { messages: en, direction: 'ltr' }, ar: { messages: ar, direction: 'rtl' } } as const
export type Language = keyof typeof languages
export type PageProblem = keyof Messages['problems']

/** The first wanted language that is offered (RFC 4647 look-up on the primary subtag). */
export const chooseLanguage = (wanted: readonly string[], offered: readonly Language[], fallback: Language): Language =>
  wanted.map((tag) => tag.toLowerCase().split('-')[0] as Language).find((tag) => offered.includes(tag)) ?? fallback

/** Accept-Language (RFC 9110 section 12.5.4), best first. */
export const acceptedLanguages = (header: string | undefined): string[] =>
  (header ?? '')
    .slice(0, 500)
    .split(',')
    .map((part) => part.trim().split(';'))
    .map(([tag = '', quality]) => ({ tag: tag.trim(), quality: Number(quality?.trim().slice(2) ?? 1) }))
    .filter(({ tag, quality }) => tag && quality > 0)
    .sort((a, b) => b.quality - a.quality)
    .map(({ tag }) => tag)
