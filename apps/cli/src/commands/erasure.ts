/** `pavan erasure verify <receipt> --keys <jwks>`: checks the receipt of an erasure without asking anybody. */
import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { erasureReceipt, receiptType, type ErasureReceipt } from '@pavan/contracts/profiles/erasure-receipt.js'
import { Command } from 'commander'
import { calculateJwkThumbprint, compactVerify, createLocalJWKSet, type JSONWebKeySet } from 'jose'

/** Why a receipt proves nothing. */
export class ReceiptInvalid extends Error {}

/** `receipt` is a JWS in compact form; throws `ReceiptInvalid` with a sentence for people. */
export const verifyReceipt = async (receipt: string, keys: JSONWebKeySet): Promise<ErasureReceipt> => {
  const { payload, protectedHeader } = await compactVerify(receipt, createLocalJWKSet(keys), { algorithms: ['ES256'] }).catch(() => {
    throw new ReceiptInvalid('The signature does not fit any of the keys: the receipt was changed, or it was signed elsewhere.')
  })
  if (protectedHeader.typ !== receiptType) throw new ReceiptInvalid('This is signed, but it is not the receipt of an erasure.')
  // The key names itself by its thumbprint (RFC 7638), so a key set cannot lend a trusted name to another key.
  const thumbprints = await Promise.all(keys.keys.map((key) => calculateJwkThumbprint(key)))
  if (!thumbprints.includes(protectedHeader.kid ?? '')) throw new ReceiptInvalid('The key that the receipt names is not in the key set.')
  const parsed = erasureReceipt.safeParse(JSON.parse(new TextDecoder().decode(payload)))
  if (!parsed.success) throw new ReceiptInvalid('The receipt is signed, but this version does not understand what it says.')
  const left = parsed.data.stores.find(({ residue }) => residue > 0)
  if (left) throw new ReceiptInvalid(`The receipt is genuine, but it says that ${left.store} still held ${left.residue} rows.`)
  return parsed.data
}

const read = (path: string): Promise<string> => (path === '-' ? text(process.stdin) : readFile(path, 'utf8'))

/** A file may hold the receipt alone, or the answer of the API that it came in. */
const receiptIn = (content: string): string => {
  const trimmed = content.trim()
  return trimmed.startsWith('{') ? String((JSON.parse(trimmed) as { receipt?: string }).receipt ?? '') : trimmed
}

const time = (millis: number): string => new Date(millis).toISOString()

export const describeReceipt = ({ user, tenant, iss, requestedAt, erasedAt, completedAt, compacted, stores }: ErasureReceipt): string =>
  [
    `Valid. ${user} of the tenant ${tenant} at ${iss} is erased.`,
    `  requested      ${time(requestedAt)}`,
    `  key destroyed  ${time(erasedAt)}`,
    `  completed      ${time(completedAt)}${compacted ? ', free space and logs rewritten' : ''}`,
    '  stores (rows removed, rows found afterwards):',
    ...stores.map(({ store, removed, residue }) => `    ${store.padEnd(40)} ${String(removed).padStart(6)} ${String(residue).padStart(4)}`),
  ].join('\n')

export const erasureCommand = (): Command =>
  new Command('erasure').description('Receipts of erasures').addCommand(
    new Command('verify')
      .description('Check the receipt of an erasure offline; exits with 1 when it proves nothing, with 2 when a file cannot be read')
      .argument('<receipt>', 'file with the receipt, or - for standard input')
      .requiredOption('--keys <jwks>', 'file with the key set, as published at /api/v1/profiles/erasures/keys')
      .action(async (path: string, { keys }: { keys: string }) => {
        let input: { readonly receipt: string; readonly keys: JSONWebKeySet }
        try {
          input = { receipt: receiptIn(await read(path)), keys: JSON.parse(await read(keys)) as JSONWebKeySet }
        } catch (error) {
          console.error(`The receipt or the key set cannot be read: ${error instanceof SyntaxError ? 'it is not JSON' : (error as Error).message}.`)
          process.exitCode = 2
          return
        }
        try {
          console.log(describeReceipt(await verifyReceipt(input.receipt, input.keys)))
        } catch (error) {
          if (!(error instanceof ReceiptInvalid)) throw error
          console.error(error.message)
          process.exitCode = 1
        }
      }),
  )
