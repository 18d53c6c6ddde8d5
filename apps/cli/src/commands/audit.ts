/** `pavan audit verify <export> --checkpoint <file>`: checks an export of the audit log without asking anybody. */
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { CheckpointInvalid, openCheckpoint, verifyExport, type Verdict } from '@pavan/audit/verify/verify-export.js'
import { Command } from 'commander'
import { calculateJwkThumbprint, type JSONWebKeySet } from 'jose'

interface Input {
  readonly checkpoints: readonly string[]
  readonly keys: JSONWebKeySet
}

const jwsShape = /[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+/

/** Checkpoints in a file: one JWS a line, the answer of the API, or a page of them. */
export const checkpointsIn = (content: string): readonly string[] => {
  const trimmed = content.trim()
  if (!trimmed.startsWith('{')) return trimmed.split(/\s+/).filter((line) => jwsShape.test(line))
  const answer = JSON.parse(trimmed) as { jws?: string; items?: readonly { jws: string }[] }
  return answer.jws === undefined ? (answer.items ?? []).map((item) => item.jws) : [answer.jws]
}

export const describeVerdict = (verdict: Verdict): string => {
  if (!verdict.ok) return `NOT OK. First bad position: ${verdict.position}. ${verdict.reason[0]?.toUpperCase()}${verdict.reason.slice(1)}.`
  const { records, covered, checkpoints } = verdict
  const rest = records - covered
  return `OK. ${covered} records are as they were signed in ${checkpoints} ${checkpoints === 1 ? 'checkpoint' : 'checkpoints'}${rest === 0 ? '' : `; ${rest} later ones fit on, but no checkpoint covers them yet`}.`
}

export const verifyFiles = async (path: string, { checkpoints, keys }: Input): Promise<Verdict> => {
  const claims = await Promise.all(checkpoints.map((jws) => openCheckpoint(jws, keys)))
  const lines = createInterface({ input: path === '-' ? process.stdin : createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })
  return verifyExport(lines, claims)
}

const verify = async (path: string, options: { checkpoint: string; keys: string }): Promise<void> => {
  try {
    const input = {
      checkpoints: checkpointsIn(await readFile(options.checkpoint, 'utf8')),
      keys: JSON.parse(await readFile(options.keys, 'utf8')) as JSONWebKeySet,
    }
    if (input.checkpoints.length === 0) throw new CheckpointInvalid('there is no checkpoint in the file')
    const verdict = await verifyFiles(path, input)
    const names = await Promise.all(input.keys.keys.map((key) => calculateJwkThumbprint(key)))
    console.log(`${describeVerdict(verdict)}\nKeys: ${names.join(', ')}`)
    if (!verdict.ok) process.exitCode = 1
  } catch (error) {
    const reason = error instanceof SyntaxError ? 'a file is not JSON' : (error as Error).message
    console.error(`Nothing could be verified: ${reason}.`)
    process.exitCode = error instanceof CheckpointInvalid ? 1 : 2
  }
}

export const auditCommand = (): Command =>
  new Command('audit')
    .description('The audit log')
    .addCommand(
      new Command('verify')
        .description('Check an export of the audit log offline; exits with 1 when it is not what was signed, with 2 when a file cannot be read')
        .argument('<export>', 'file from /api/v1/audit/export, or - for standard input')
        .requiredOption('--checkpoint <file>', 'file with one or several checkpoints, from /api/v1/audit/checkpoints')
        .requiredOption('--keys <jwks>', 'file with the key set, as published at /api/v1/audit/keys')
        .action(verify),
    )
