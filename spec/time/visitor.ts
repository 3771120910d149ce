/**
 * A program that opens a log, backs up some lines, each in a file of its own, and closes it: to be
 * run under a clock that is not the machine's.
 *
 *     visitor.ts <path> <maxAge, or ''> <line>…
 *
 * Prints what it did, as JSON.
 */
import { FileAppender } from '../../lib/index.js'

const [path = '', maxAge = '', ...lines] = process.argv.slice(2)
const codes: string[] = []
const pruned: string[] = []
const named: string[] = []

const log = new FileAppender({ path, maxAge: maxAge === '' ? undefined : maxAge })
log.on('warning', ({ code }) => codes.push(code))
log.on('prune', backups => pruned.push(...backups.map(({ name }) => name)))
await log.settled()
for (const line of lines) {
  await log.append(`${line}\n`)
  named.push((await log.rotate())?.name ?? '')
}
await log.close()
await new Promise(setImmediate)
process.stdout.write(JSON.stringify({ now: Date.now(), named, pruned, codes }))
