/** Resources, roles, policies, assignments and decisions. */
export { authorizationService } from './authorization.service.js'
