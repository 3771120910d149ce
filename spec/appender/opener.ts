/**
 * A program that opens a log, appends one record, and says that it has it open. It goes on until its
 * standard input ends; then it closes the log, exits without, or throws, as its argument says.
 */
import { writeSync } from 'node:fs'
import { FileAppender } from '../../lib/appender/file-appender.js'

const [path = '', ending = 'close'] = process.argv.slice(2)
try {
  const log = new FileAppender({ path })
  await log.append(`from ${process.pid}\n`)
  writeSync(1, 'open\n')
  process.stdin.resume()
  process.stdin.on('end', () => {
    if (ending === 'close') void log.close()
    if (ending === 'exit') process.exit()
    if (ending === 'throw') throw new Error('nobody catches this')
  })
} catch (error) {
  writeSync(1, `${String(error)}\n`)
}
