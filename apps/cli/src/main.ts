#!/usr/bin/env node
/** The `pavan` command. Each command is a file in commands/. */
import { Command } from 'commander'
import { auditCommand } from './commands/audit.js'
import { doctorCommand } from './commands/doctor.js'
import { erasureCommand } from './commands/erasure.js'
import { kafkaCommand } from './commands/kafka.js'

await new Command('pavan')
  .description('Administers Pavan and checks what it has signed')
  .addCommand(auditCommand())
  .addCommand(doctorCommand())
  .addCommand(erasureCommand())
  .addCommand(kafkaCommand())
  .parseAsync()
