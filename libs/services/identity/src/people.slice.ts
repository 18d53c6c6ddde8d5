/** People: accounts, sign-in, registration, mails, the hosted pages. */
import { z } from 'zod'
import { ChallengeMails, sendChallenges } from './challenge/challenge-mails.js'
import { Challenges, challenges } from './challenge/challenges.js'
import { Lockouts, lockouts } from './lockout/lockouts.js'
import { MailboxController } from './mail/mailbox.http.js'
import { deliverMails, Mails, mails } from './mail/mails.js'
import { AccountSource } from './oidc/account-source.js'
import { ProviderPages } from './oidc/provider-pages.js'
import { AccountPages } from './pages/account-pages.http.js'
import { HostedProviderPages } from './pages/hosted-provider-pages.js'
import { InteractionPages } from './pages/interaction-pages.http.js'
import { LinkPages } from './pages/link-pages.http.js'
import { PageRenderer } from './pages/page-renderer.js'
import { Registrations } from './pages/registrations.js'
import { SetUp, setUps } from './set-up/set-up.js'
import type { Slice } from './slice.js'
import { accountNotices } from './user/account-notices.reaction.js'
import { eraseUsers } from './user/erase-users.reaction.js'
import { ImportController } from './user/import.http.js'
import { OwnAccounts } from './user/own-accounts.js'
import { Passwords } from './user/passwords.js'
import { peopleProblems } from './user/people.problems.js'
import { UsersController } from './user/users.http.js'
import { Users } from './user/users.js'
import { usersView } from './user/users.view.js'

export const peopleSlice: Slice = {
  controllers: [UsersController, ImportController, AccountPages, LinkPages, MailboxController],
  providers: [
    ChallengeMails,
    Challenges,
    InteractionPages,
    Lockouts,
    Mails,
    OwnAccounts,
    PageRenderer,
    Passwords,
    Registrations,
    SetUp,
    Users,
    { provide: AccountSource, useExisting: Users },
    { provide: ProviderPages, useClass: HostedProviderPages },
  ],
  tables: [challenges, lockouts, mails, setUps],
  views: [usersView],
  reactions: [accountNotices, eraseUsers],
  jobs: [deliverMails, sendChallenges],
  problems: peopleProblems,
  purge: [
    { table: challenges, index: 'byUser', where: (tenant, user) => ({ tenant, user }) },
    { table: mails, index: 'byUser', where: (tenant, user) => ({ tenant, user }) },
  ],
  config: {
    PAVAN_ADMIN_EMAIL: z.string().max(254).optional().describe('Address of the administrator of the first tenant, made at first start'),
    PAVAN_ADMIN_PASSWORD: z.string().max(1024).optional().describe('Password of that administrator'),
    PAVAN_SMTP_URL: z
      .url({ protocol: /^smtps?$/ })
      .optional()
      .describe('Mail server, such as smtp://user:password@mail.example:587; without one mails are shown at /mailbox'),
    PAVAN_MAIL_FROM: z.string().max(254).default('Pavan <no-reply@localhost>').describe('Sender of mails'),
    PAVAN_MAILBOX: z.enum(['on', 'off']).default('on').describe('`off` hides /mailbox'),
  },
}
