import { RefusalError } from '@pavan/kernel'

/** Storage cannot take the write: the disk is full or fails. Nothing was written; the same call may succeed later. Answered as 503. */
export class StorageUnavailable extends RefusalError {
  constructor(readonly detail: string) {
    super('service.unavailable')
    this.name = 'StorageUnavailable'
    this.message = `storage is unavailable: ${detail}`
  }
}
