/** The tamper-evident log of everything that happened. */
export { auditService } from './audit.service.js'
