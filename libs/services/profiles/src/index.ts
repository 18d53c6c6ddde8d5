/** Profiles of people: schema, values, search, export, erasure with a signed receipt. */
export { profilesService } from './profiles.service.js'
