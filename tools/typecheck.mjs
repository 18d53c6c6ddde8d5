// The fast type check: `npm run typecheck`, or `npm run typecheck -- libs/services/identity` to see only the errors of one place.
import { spawnSync } from 'node:child_process'

const places = process.argv.slice(2)
const { stdout, stderr, status } = spawnSync(process.execPath, ['node_modules/ts7/bin/tsc', '-p', 'tsconfig.json', '--pretty', 'false'], {
  encoding: 'utf8',
  maxBuffer: 1 << 28,
})
const lines = stdout.split('\n').filter((line) => line && (places.length === 0 || places.some((place) => line.startsWith(place))))
if (lines.length > 0) console.log(lines.join('\n'))
if (stderr) console.error(stderr)
process.exit(places.length === 0 ? (status ?? 1) : lines.length > 0 ? 1 : 0)
