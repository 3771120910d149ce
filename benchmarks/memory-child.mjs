// Writes lines in one loop that ignores what `write` returns, closes, and prints the most memory it
// ever had, in KiB. Plain JavaScript, so that no compiler's memory is counted.
// Arguments: who writes, the log, a file with the lines to write round and round, how many lines.
import fs from 'node:fs'
import { finished } from 'node:stream/promises'

const [kind, path, linesFile, count] = process.argv.slice(2)
const lines = fs.readFileSync(linesFile, 'latin1').match(/.*\n/g)
const lineAt = at => lines[at % lines.length]

const contenders = {
  async rollkeeper() {
    const { FileAppender } = await import('rollkeeper')
    const log = new FileAppender({ path, maxSize: '100MiB', maxBackups: 3 })
    for (let at = 0; at < count; at++) log.write(lineAt(at))
    await log.close()
  },
  bare() {
    const fd = fs.openSync(path, 'a')
    let text = ''
    for (let at = 0; at < count; at++) {
      text += lineAt(at)
      if (text.length < 64 * 1024 && at < count - 1) continue
      fs.writeSync(fd, text)
      text = ''
    }
    fs.closeSync(fd)
  },
  async stream() {
    const stream = fs.createWriteStream(path)
    for (let at = 0; at < count; at++) stream.write(lineAt(at))
    await finished(stream.end())
  },
  nothing() {},
}

/** `maxRSS` of a process begins at what its parent had (exec keeps the mark); this does not. */
function peakKibibytes() {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS
  return /^VmHWM:\s+(\d+) kB$/m.exec(fs.readFileSync('/proc/self/status', 'latin1'))[1]
}

await contenders[kind]()
process.stdout.write(String(peakKibibytes()))
