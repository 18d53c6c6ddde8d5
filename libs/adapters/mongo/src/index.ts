/** The distributed technology of state: event store, rows, leases and subject keys on MongoDB. */
export {}
