import type { startProcess } from '../services/process.mjs'

export interface Copy {
  readonly service: string
  readonly copy: number
  readonly port: number
  readonly running: ReturnType<typeof startProcess>
}

export interface Launched {
  readonly base: string
  readonly folder: string
  readonly processes: readonly Copy[]
  readonly env: Readonly<Record<string, string>>
  notices(): readonly string[]
  output(): string
  find(service: string, copy?: number): Copy
  restart(service: string, copy?: number): Promise<void>
  startAll(): Promise<void>
  ready(seconds?: number): Promise<void>
  stop(): Promise<void>
  kill(): Promise<void>
}

export interface LaunchOptions {
  readonly folder: string
  readonly servers: Readonly<Record<string, string>>
  readonly copies?: number | Readonly<Record<string, number>>
  readonly port?: number
  readonly env?: Readonly<Record<string, string>>
  readonly say?: (line: string) => void
}

export const services: readonly string[]
export const launch: (options: LaunchOptions) => Promise<Launched>
