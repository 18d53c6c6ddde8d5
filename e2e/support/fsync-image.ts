/**
 * What a disk would hold after a power loss: the files of a folder as fsync saw them, put together from strace's record of every system call that
 * writes. docs/adr/0026-power-loss-by-record.md says what this proves and what not.
 */
import { createReadStream, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'

/** `write` is there for files that are written by position; sockets are left out by their path. */
const calls =
  'openat,write,writev,pwrite64,pwritev,pwritev2,fsync,fdatasync,ftruncate,fallocate,copy_file_range,unlink,unlinkat,rename,renameat,renameat2,mmap,io_uring_setup'

/** Command in front of the program. strace runs beside it (-D), so that a signal to the child is a signal to the program. */
export const recorder = (record: string): readonly string[] => ['strace', '-D', '-f', '-qq', '-y', '-xx', '-s', '1000000', '-o', record, '-e', `trace=${calls}`]

/** A change of a file's content that is not on disk yet. */
type Change = { readonly at: number; readonly data: Buffer } | { readonly size: number }

class FileContent {
  /** As on disk. */
  durable: Buffer
  pending: Change[] = []
  /** Whether its name is on disk. */
  named: boolean

  constructor(durable: Buffer, named: boolean) {
    this.durable = durable
    this.named = named
  }

  get size(): number {
    return this.pending.reduce((size, change) => ('data' in change ? Math.max(size, change.at + change.data.length) : change.size), this.durable.length)
  }

  /** Applies the first changes. */
  sync(count: number): void {
    this.durable = applied(this.durable, this.pending.splice(0, count))
    this.named = true
  }
}

const applied = (content: Buffer, changes: readonly Change[]): Buffer => {
  let room = content
  let length = content.length
  const reserve = (size: number): void => {
    if (size > room.length) room = Buffer.concat([room.subarray(0, length), Buffer.alloc(Math.max(size, room.length * 2) - length)])
  }
  for (const change of changes) {
    if ('data' in change) {
      reserve(change.at + change.data.length)
      if (change.at > length) room.fill(0, length, change.at)
      change.data.copy(room, change.at)
      length = Math.max(length, change.at + change.data.length)
    } else {
      reserve(change.size)
      if (change.size > length) room.fill(0, length, change.size)
      length = change.size
    }
  }
  return Buffer.from(room.subarray(0, length))
}

/** How much of what no fsync had covered is lost: all of it, or each sector by the toss of a coin, as a disk with a cache may do it. */
export type Loss = 'everything' | 'by-chance'
const sector = 512

const survivors = (changes: readonly Change[], keep: () => boolean): Change[] =>
  changes.flatMap((change): Change[] => {
    if (!('data' in change)) return keep() ? [change] : []
    return Array.from({ length: Math.ceil(change.data.length / sector) }, (_, n) => n)
      .filter(keep)
      .map((n) => ({ at: change.at + n * sector, data: change.data.subarray(n * sector, (n + 1) * sector) }))
  })

const text = (hex: string): string => bytes(hex).toString()
const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll('\\x', ''), 'hex')
/** `12<\x2f…>` → path; undefined for sockets, pipes and the like. */
const pathOf = (argument: string | undefined): string | undefined => /^(?:\d+|AT_FDCWD)<((?:\\x[0-9a-f]{2})+)>/.exec(argument ?? '')?.[1]
const quoted = (argument: string | undefined): string => argument?.slice(1, argument.lastIndexOf('"')) ?? ''

interface Call {
  readonly pid: string
  readonly name: string
  readonly args: readonly string[]
}

export class FsyncImage {
  readonly #files = new Map<string, FileContent>()
  /** Names on disk whose file has another name, or none, by now: a rename or an unlink that no fsync of the folder made durable. */
  readonly #former = new Map<string, FileContent>()
  /** File position by descriptor, for `write`. */
  readonly #positions = new Map<string, number>()
  /** fsync under way → changes that were there when it began. */
  readonly #syncing = new Map<string, { readonly file: FileContent; readonly count: number }>()
  writes = 0
  syncs = 0

  /** `folder` as it is before the program starts: all of it counts as on disk. */
  constructor(private readonly folder: string) {
    if (!existsSync(folder)) return
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name)
      if (entry.isFile() && !isScratch(path)) this.#files.set(path, new FileContent(readFileSync(path), true))
    }
  }

  /** Reads the record of a program that has ended. */
  async replay(record: string): Promise<void> {
    const unfinished = new Map<string, string>()
    for await (const line of createInterface({ input: createReadStream(record, 'latin1') })) {
      const space = line.indexOf(' ')
      const pid = line.slice(0, space)
      let rest = line.slice(space).trimStart()
      if (rest.endsWith('<unfinished ...>')) {
        rest = rest.slice(0, -'<unfinished ...>'.length)
        unfinished.set(pid, rest)
        this.#begin(parse(pid, rest))
        continue
      }
      const resumed = /^<\.\.\. \w+ resumed>/.exec(rest)
      if (resumed) rest = (unfinished.get(pid) ?? '') + rest.slice(resumed[0].length)
      const end = rest.lastIndexOf(' = ')
      if (end < 0 || rest.startsWith('+++') || rest.startsWith('---')) continue
      const call = parse(pid, rest.slice(0, rest.lastIndexOf(')', end)))
      if (!resumed) this.#begin(call)
      this.#end(call, Number(/^ = (-?\d+)/.exec(rest.slice(end))?.[1] ?? -1), rest.slice(end))
    }
  }

  /** An fsync covers what was written before it began. */
  #begin({ pid, name, args }: Call): void {
    if (name !== 'fsync' && name !== 'fdatasync') return
    const file = this.#file(pathOf(args[0]))
    if (file) this.#syncing.set(pid, { file, count: file.pending.length })
  }

  #end({ pid, name, args }: Call, result: number, tail: string): void {
    if (result < 0) {
      this.#syncing.delete(pid)
      return
    }
    switch (name) {
      case 'openat':
        return this.#open(text(quoted(args[1])), args[2] ?? '', `${result}`)
      case 'pwrite64':
        return this.#write(pathOf(args[0]), Number(args[3]), bytes(quoted(args[1])).subarray(0, result))
      case 'write': {
        const path = pathOf(args[0])
        if (!this.#isOurs(path)) return
        const descriptor = /^\d+/.exec(args[0] ?? '')?.[0] ?? ''
        const at = this.#positions.get(descriptor) ?? 0
        this.#positions.set(descriptor, at + result)
        return this.#write(path, at, bytes(quoted(args[1])).subarray(0, result))
      }
      case 'ftruncate':
        this.#file(pathOf(args[0]))?.pending.push({ size: Number(args[1]) })
        return
      case 'fsync':
      case 'fdatasync': {
        const path = text(pathOf(args[0]) ?? '')
        this.#syncing.get(pid)?.file.sync(this.#syncing.get(pid)?.count ?? 0)
        this.#syncing.delete(pid)
        this.syncs++
        // A folder: the names in it are on disk.
        for (const [name, file] of this.#files) if (dirname(name) === path) file.named = true
        for (const name of this.#former.keys()) if (dirname(name) === path) this.#former.delete(name)
        return
      }
      case 'unlink':
      case 'unlinkat':
        return this.#remove(text(quoted(args.find((one) => one.startsWith('"')))))
      case 'rename':
      case 'renameat':
      case 'renameat2': {
        const [from = '', to = ''] = args.filter((one) => one.startsWith('"')).map((one) => text(quoted(one)))
        const file = this.#files.get(from)
        if (!file) return
        this.#remove(to)
        this.#remove(from)
        this.#files.set(to, file)
        file.named = false
        return
      }
      case 'mmap':
        // Only the index of the log is written through memory, and it is made anew from the log at every start.
        if (args.some((one) => one.includes('MAP_SHARED')) && args.some((one) => one.includes('PROT_WRITE')) && this.#isOurs(pathOf(args[4])))
          throw new Error(`a file of the folder is written through memory: ${text(pathOf(args[4]) ?? '')}`)
        return
      case 'io_uring_setup':
        // libuv has a ring for epoll, and with UV_USE_IO_URING one for files, which a kernel thread polls: what goes through that is not seen here.
        if (args.some((one) => one.includes('IORING_SETUP_SQPOLL')))
          throw new Error('files are written through io_uring: start the program with UV_USE_IO_URING=0')
        return
      default:
        if (this.#isOurs(pathOf(args[0]))) throw new Error(`a call that the record does not understand: ${name}${tail}`)
    }
  }

  #isOurs(hex: string | undefined): boolean {
    if (hex === undefined) return false
    const path = text(hex)
    return path.startsWith(`${this.folder}/`) && !isScratch(path)
  }

  #file(hex: string | undefined): FileContent | undefined {
    if (!this.#isOurs(hex)) return undefined
    return this.#files.get(text(hex as string))
  }

  #open(path: string, flags: string, descriptor: string): void {
    this.#positions.delete(descriptor)
    if (!path.startsWith(`${this.folder}/`) || isScratch(path)) return
    let file = this.#files.get(path)
    if (!file && flags.includes('O_CREAT')) this.#files.set(path, (file = new FileContent(Buffer.alloc(0), false)))
    if (flags.includes('O_TRUNC')) file?.pending.push({ size: 0 })
    if (flags.includes('O_APPEND')) this.#positions.set(descriptor, file?.size ?? 0)
  }

  #write(hex: string | undefined, at: number, data: Buffer): void {
    if (!this.#isOurs(hex)) return
    const path = text(hex as string)
    const file = this.#files.get(path)
    if (!file) throw new Error(`a write to a file that nobody opened: ${path}`)
    file.pending.push({ at, data })
    this.writes++
  }

  #remove(path: string): void {
    const file = this.#files.get(path)
    if (!file) return
    if (file.named) this.#former.set(path, file)
    this.#files.delete(path)
  }

  /** Puts what the disk holds in the folder's place; answers how many changes were lost, and in how many files. */
  restore(loss: Loss, chance: () => number): { readonly lost: number; readonly files: number } {
    rmSync(this.folder, { recursive: true, force: true })
    mkdirSync(this.folder, { recursive: true })
    let lost = 0
    let files = 0
    const put = (path: string, file: FileContent): void => {
      mkdirSync(dirname(path), { recursive: true })
      if (file.pending.length > 0) files++
      lost += file.pending.length
      const kept = loss === 'everything' ? [] : survivors(file.pending, () => chance() < 0.5)
      writeFileSync(path, applied(file.durable, kept))
    }
    for (const [path, file] of this.#files) if (file.named || (loss === 'by-chance' && chance() < 0.5)) put(path, file)
    for (const [path, file] of this.#former) if (loss === 'everything' || chance() < 0.5) put(path, file)
    return { lost, files }
  }
}

/** Index of the write-ahead log, and the lock: neither outlives its process. */
const isScratch = (path: string): boolean => path.endsWith('-shm') || /\/lock\.db(-journal)?$/.test(path) || path.endsWith('/.writable')

/** Strings are in hexadecimal, so a comma is always one between arguments. */
const parse = (pid: string, head: string): Call => {
  const open = head.indexOf('(')
  return { pid, name: head.slice(0, open), args: head.slice(open + 1).split(', ') }
}

/** Resolves when the record says that the program is gone. */
export const recorded = async (record: string, pid: number): Promise<void> => {
  for (;;) {
    const tail = readTail(record)
    if (new RegExp(`^${pid} +\\+\\+\\+ (killed|exited)`, 'm').test(tail)) return
    await new Promise((later) => setTimeout(later, 20))
  }
}

const readTail = (path: string): string => {
  const { size } = statSync(path)
  return size > 100_000 ? readFileSync(path, 'latin1').slice(-100_000) : readFileSync(path, 'latin1')
}
