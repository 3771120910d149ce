/**
 * A program that writes numbered records into a log until it is ended, in the way its argument
 * says. It tells on its standard output up to which number records were acknowledged.
 */
import { writeSync } from 'node:fs'
import { FileAppender } from '../../lib/appender/file-appender.js'
import type { Durability } from '../../lib/appender/options.js'

const [path = '', ending = '', durability = 'flush', first = '0'] = process.argv.slice(2)
const log = new FileAppender({ path, maxSize: 4096, durability: durability as Durability })
let next = Number(first)

/** Records of various lengths, some longer than a file may be. */
function record(number: number): string {
  return `${number} ${'ü'.repeat(number % 997 === 0 ? 3000 : number % 101)}\n`
}

if (ending === 'kill') {
  for (;;) {
    const batch = Array.from({ length: 1 + (next % 50) }, () => log.append(record(next++)))
    await Promise.all(batch)
    writeSync(1, `${next - 1}\n`)
  }
}
for (let i = 0; i < 10_000; i++) log.write(record(next++))
writeSync(1, `${next - 1}\n`)
if (ending === 'exit') process.exit(0)
if (ending === 'throw') throw new Error('nobody catches this')
