/** `pavan kafka migrate`: makes the topics of the distributed system. */
import { Command } from 'commander'
import { toldInWords } from '../told-in-words.js'
import { surroundings } from '../surroundings.js'

export const kafkaCommand = (): Command =>
  new Command('kafka').description('Looks after the topics').addCommand(
    new Command('migrate')
      .description('Makes the topics that are missing, and brings the settings of the others to what the system needs')
      .addHelpText(
        'after',
        '\nReads the environment of the services: KAFKA_BROKERS, KAFKA_TOPIC_PREFIX, PAVAN_PARTITIONS and so on. Running it again changes nothing.',
      )
      .action(
        toldInWords(async () => {
          const { migrateDistributed } = await import('@pavan/distributed')
          const { created, changed } = await migrateDistributed(surroundings())
          console.log(created.length === 0 ? 'All topics were there.' : `Made ${created.join(', ')}.`)
          if (changed.length > 0) console.log(`Set ${changed.join(', ')} right.`)
        }),
      ),
  )
