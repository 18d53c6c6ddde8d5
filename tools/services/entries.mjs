// Names of the cache's folders: what a name holds never changes, so a new version or a changed recipe is a new name.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const fingerprint = (...files) => {
  const hash = createHash('sha256')
  for (const file of files) hash.update(readFileSync(join(import.meta.dirname, file)))
  return hash.digest('hex').slice(0, 8)
}

export const ferretVersion = 'v2.7.0'
const kafka = `kafka-${fingerprint('kafka/pom.xml')}`
export const entries = {
  kafka,
  // Raise the number when the way in which kafka.mjs prepares it changes.
  kafkaArchive: `${kafka}-archive-1`,
  mongoJava: `mongo-java-${fingerprint('mongo-java/pom.xml', 'mongo-java/MongoMain.java')}`,
  documentdb: `documentdb-${fingerprint('documentdb-root.mjs')}`,
  ferretdb: `ferretdb-${ferretVersion}`,
}
