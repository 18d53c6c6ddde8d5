/** Tenants, organizations, applications, clients and tenant settings. */
export { adminService } from './admin.service.js'
