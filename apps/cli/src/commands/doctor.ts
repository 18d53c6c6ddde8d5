/** `pavan doctor`: names what is wrong with the surroundings of the distributed system, and what to do about it. */
import type { Finding } from '@pavan/platform/service/finding.js'
import { Command } from 'commander'
import { checkGateway } from '../doctor/check-gateway.js'
import { checkKeys } from '../doctor/check-keys.js'
import { surroundings } from '../surroundings.js'
import { toldInWords } from '../told-in-words.js'

const marks = { ok: 'ok      ', warning: 'warning ', error: 'ERROR   ' } as const

export const tell = ({ level, sentence, remedy }: Finding): string => `${marks[level]} ${sentence}${remedy === undefined ? '' : `\n         ${remedy}`}`

export const doctorCommand = (): Command =>
  new Command('doctor')
    .description('Looks at servers, topics, clocks, keys and the gateway, and says in words what is wrong')
    .addHelpText('after', '\nReads the environment of the services. The exit code is 1 when something prevents the system from working.')
    .action(
      toldInWords(async () => {
        const { distributedAdapters } = await import('@pavan/distributed')
        const given = surroundings()
        const adapters = distributedAdapters(given)
        const findings: Finding[] = []
        try {
          findings.push(...((await adapters.check?.()) ?? []))
          findings.push(await checkKeys(adapters, given.env).catch(unseen('the keys')))
        } finally {
          await adapters.close().catch(() => undefined)
        }
        findings.push(...(await checkGateway(given.env)))
        for (const finding of findings) console.log(tell(finding))
        if (findings.some(({ level }) => level === 'error')) process.exitCode = 1
      }),
    )

const unseen =
  (what: string) =>
  (error: Error): Finding => ({
    level: 'warning',
    sentence: `${what[0]?.toUpperCase()}${what.slice(1)} could not be looked at: ${error.message}.`,
    remedy: 'Mend what is named above, then look again.',
  })
