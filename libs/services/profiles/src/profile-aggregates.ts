/** The aggregates of the profiles service, ready for commands. */
import { Inject, Injectable } from '@nestjs/common'
import { erasureCompleted, profileChanged, profileSchemaSet, receiptKeyCreated, subjectErased, subjectExported } from '@pavan/contracts'
import { Aggregates } from '@pavan/platform/events/aggregates.js'
import { receiptKeyDecider } from './erasure/receipt-key.decider.js'
import { subjectDecider } from './erasure/subject.decider.js'
import { profileDecider } from './profile/profile.decider.js'
import { profileSchema } from './schema/profile-schema.decider.js'

@Injectable()
export class ProfileAggregates {
  readonly schemas
  readonly profiles
  readonly subjects
  readonly receiptKeys

  constructor(@Inject(Aggregates) aggregates: Aggregates) {
    this.schemas = aggregates.of(profileSchema, { events: [profileSchemaSet] })
    this.profiles = aggregates.of(profileDecider, { events: [profileChanged] })
    this.subjects = aggregates.of(subjectDecider, { events: [subjectExported, subjectErased, erasureCompleted] })
    this.receiptKeys = aggregates.of(receiptKeyDecider, { events: [receiptKeyCreated] })
  }
}
