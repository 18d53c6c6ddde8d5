/** Identity as a service to run. */
export { identityService } from './identity.service.js'
