/**
 * A program that has nothing else to do than to wait for a record while its disk is full, and one
 * that writes from an exit listener of its own.
 */
import { writeSync } from 'node:fs'
import { FileAppender } from '../../lib/appender/file-appender.js'

const [path = '', how = ''] = process.argv.slice(2)
const log = new FileAppender({ path })
log.on('gap', ({ records }) => writeSync(1, `gap ${records}\n`))
log.on('warning', ({ code }) => writeSync(1, `${code}\n`))

if (how === 'listens') {
  log.write('before\n')
  process.on('exit', () => log.write('from a listener\n'))
} else {
  const record = `${'x'.repeat(99_999)}\n`
  for (let i = 0; i < 12; i++) log.write(record)
  if (how === 'waits') await log.append('the last\n')
  if (how === 'leaves') {
    process.on('exit', () => writeSync(1, `late ${log.write('late\n')}\n`))
    process.exit(0)
  }
  writeSync(1, 'acknowledged\n')
}
