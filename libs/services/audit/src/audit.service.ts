import { defineService } from '@pavan/platform/service/define-service.js'
import { ServiceCore } from '@pavan/platform/service/service-core.js'
import { AuditController } from './audit.http.js'
import { auditProblems } from './audit.problems.js'
import { AuditKey } from './checkpoint/audit-key.js'
import { Checkpoints } from './checkpoint/checkpoints.js'
import { auditKeysTable, checkpoints } from './checkpoint/checkpoints.tables.js'
import { signCheckpoints } from './checkpoint/sign-checkpoints.job.js'
import { auditHeads, auditRecords, auditTiles } from './log/audit.tables.js'
import { AuditReader } from './log/audit-reader.js'
import { AuditTree } from './log/audit-tree.js'
import { AuditWriter } from './log/audit-writer.js'

export const auditService = defineService({
  name: 'audit',
  title: 'Audit',
  controllers: [AuditController],
  providers: [AuditWriter, AuditReader, AuditTree, AuditKey, Checkpoints],
  tables: [auditRecords, auditTiles, auditHeads, checkpoints, auditKeysTable],
  jobs: [signCheckpoints],
  problems: auditProblems,
  routes: ['/api/v1/audit'],
  inject: [ServiceCore, AuditWriter],
  onReady: async (core: ServiceCore, writer: AuditWriter) => {
    await core.consume(writer)
  },
})
