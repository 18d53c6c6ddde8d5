import { contexts, profilesEvents } from '@pavan/contracts'
import { defineService } from '@pavan/platform/service/define-service.js'
import { z } from 'zod'
import { collectReports } from './erasure/collect-reports.reaction.js'
import { ErasureController } from './erasure/erasure.http.js'
import { Erasures } from './erasure/erasures.js'
import { erasures, storeReports } from './erasure/erasures.table.js'
import { finishErasures } from './erasure/finish-erasures.job.js'
import { ReceiptSigner } from './erasure/receipt-signer.js'
import { SubjectExporter } from './export/subject-exporter.js'
import { subjectHistory, subjectHistoryView } from './export/subject-history.view.js'
import { ProfileAggregates } from './profile-aggregates.js'
import { MyProfileController } from './profile/my-profile.http.js'
import { ProfileReader } from './profile/profile-reader.js'
import { ProfileController } from './profile/profile.http.js'
import { profiles, profilesView, searchTokens } from './profile/profiles.view.js'
import { profilesProblems } from './profiles.problems.js'
import { SchemaController } from './schema/schema.http.js'
import { ProfileSearch } from './search/profile-search.js'

const byUser = (tenant: string, user: string) => ({ tenant, user })

export const profilesService = defineService({
  name: 'profiles',
  title: 'Profiles',
  controllers: [SchemaController, MyProfileController, ErasureController, ProfileController],
  providers: [ProfileAggregates, ReceiptSigner, Erasures, ProfileReader, ProfileSearch, SubjectExporter],
  tables: [erasures, storeReports],
  views: [profilesView, subjectHistoryView],
  reactions: [collectReports],
  jobs: [finishErasures],
  events: profilesEvents,
  problems: profilesProblems,
  routes: ['/api/v1/profiles'],
  purge: [
    { table: profiles, index: 'byUser', where: byUser },
    { table: searchTokens, index: 'byUser', where: byUser },
    { table: subjectHistory, index: 'byUser', where: byUser },
  ],
  config: z.object({
    /** Services whose stores must report before an erasure is complete, separated by commas. */
    PAVAN_ERASURE_SERVICES: z
      .string()
      .default(contexts.join(','))
      .transform((names) => names.split(',').map((name) => name.trim()))
      .describe('Services whose stores must report before an erasure is complete, separated by commas.'),
  }),
})
