// A certificate for 127.0.0.1 by Java's own keytool, signed by itself: for tests of TLS only.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { runToEnd } from './process.mjs'

export async function certificateFor(folder) {
  const [keyStore, caFile, password] = [join(folder, 'server.p12'), join(folder, 'ca.pem'), 'change-me']
  const store = ['-keystore', keyStore, '-storetype', 'PKCS12', '-storepass', password, '-alias', 'server']
  const names = ['-dname', 'CN=127.0.0.1', '-ext', 'san=ip:127.0.0.1', '-ext', 'bc=ca:true']
  await runToEnd('keytool', ['-genkeypair', ...store, '-keyalg', 'EC', '-groupname', 'secp256r1', '-validity', '30', ...names])
  await runToEnd('keytool', ['-exportcert', '-rfc', ...store, '-file', caFile])
  return { keyStore, password, caFile, ca: readFileSync(caFile, 'utf8') }
}
