/**
 * A mend of the driver (mongodb 7.8 and 7.9): it writes a command to a socket that is destroyed but has not said 'close' yet, takes the false
 * that `write` answers for a full buffer, and waits for a 'drain' that never comes. Where all connections are cut at once this happens to the
 * heartbeat of the monitor, after which the process never finds the server again. Here such a command fails like one on a closed connection, and so does
 * one on a socket that the server has just ended, for which the driver throws the error of the socket as it is.
 */
import { createRequire } from 'node:module'
import type { Duplex } from 'node:stream'
import mongoose from 'mongoose'

interface Connection {
  readonly id: number | string
  readonly address: string
  readonly socket: Duplex
  onError(error: Error): void
  writeCommand(...args: unknown[]): Promise<unknown>
}

// Out of the copy of the driver that mongoose uses.
const require = createRequire(createRequire(import.meta.url).resolve('mongoose'))
const { Connection } = require('mongodb/lib/cmap/connection.js') as { Connection: { readonly prototype: Connection } }

const { MongoError, MongoNetworkError } = mongoose.mongo
let mended = false

/** Mends the driver of this process; once is enough, more does no harm. */
export const failOnDestroyedSockets = (): void => {
  if (mended) return
  mended = true
  const { writeCommand } = Connection.prototype
  Connection.prototype.writeCommand = async function (this: Connection, ...args: unknown[]) {
    const lost = (cause?: Error): Error => {
      const error = new MongoNetworkError(`connection ${this.id} to ${this.address} closed`, { cause })
      this.onError(error)
      return error
    }
    if (this.socket.destroyed) throw lost()
    try {
      return await writeCommand.apply(this, args)
    } catch (error) {
      throw error instanceof MongoError ? error : lost(error as Error)
    }
  }
}
