// Archives a closed file once, or writes without any, and prints what was measured. Plain
// JavaScript, so that no compiler is at work beside it.
// Argument, as JSON: who (`contender`) works on the log with this active file (`path`); what goes
// on `beside` it; `backup`, the file to archive; `linesFile` with the lines to write round and
// round; `waitMs`, how long it goes on where there is nothing to archive.
import fs from 'node:fs'
import { dirname, join, parse } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'

const { contender, beside, path, backup, linesFile, waitMs } = JSON.parse(process.argv[2])
const directory = dirname(path)
const lines = linesFile ? fs.readFileSync(linesFile, 'latin1').match(/.*\n/g) : []
const lineAt = at => lines[at % lines.length]

/** Lines that are written each millisecond while the event loop is watched. */
const TRICKLE = 10

const WARM_UP_MS = 300

const pause = ms => new Promise(resolve => setTimeout(resolve, ms))

/** What goes on beside; each goes on until `isOver`, and returns what it saw. */
const activities = {
  nothing: async (_log, archived) => {
    await archived
    return {}
  },

  /** Appends line after line, each acknowledged before the next. */
  async appends(log, archived) {
    const over = new AbortController()
    void archived.then(() => over.abort())
    let count = 0
    while (!over.signal.aborted) await log.append(lineAt(count++))
    return { count }
  },

  /** Writes some lines each millisecond, and watches how late the event loop is. */
  async trickle(log, archived) {
    let count = 0
    const timer = setInterval(() => {
      for (let more = TRICKLE; more > 0; more--) log.write(lineAt(count++))
    }, 1)
    const seen = await watched(archived)
    clearInterval(timer)
    return { count, ...seen }
  },
}

async function watched(work) {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  await work
  delay.disable()
  return { p99Ms: delay.percentile(99) / 1e6, longestMs: delay.max / 1e6 }
}

async function rollkeeper() {
  const { FileAppender } = await import('rollkeeper')
  const warm = new FileAppender({ path: join(directory, 'warm', 'warm.log') })
  await activities[beside](warm, pause(beside === 'nothing' ? 0 : WARM_UP_MS))
  await warm.close()
  fs.rmSync(join(directory, 'warm'), { recursive: true })

  const startedMs = performance.now()
  const log = new FileAppender({ path, compress: 'gzip' })
  const archived = backup ? new Promise(resolve => log.once('archive', resolve)) : pause(waitMs)
  const seen = await activities[beside](log, archived)
  const ms = performance.now() - startedMs
  await log.close()
  return { ms, ...seen }
}

async function bare() {
  const startedMs = performance.now()
  const archive = `${backup}.gz`
  await pipeline(fs.createReadStream(backup), createGzip(), fs.createWriteStream(archive))
  const fd = fs.openSync(archive, 'r+')
  await new Promise((resolve, reject) => fs.fsync(fd, error => (error ? reject(error) : resolve())))
  const ms = performance.now() - startedMs
  fs.closeSync(fd)
  return { ms }
}

/** Its active file is the one to archive; it acknowledges a line when that is done. */
async function rotatingFileStream() {
  const { createStream } = await import('rotating-file-stream')
  const name = time => (time ? `${parse(backup).base}.gz` : parse(path).base)
  fs.renameSync(backup, path)
  const startedMs = performance.now()
  const stream = createStream(name, { path: directory, size: '1K', compress: 'gzip' })
  await new Promise((resolve, reject) => {
    stream.once('error', reject)
    stream.write(lineAt(0), resolve)
  })
  const ms = performance.now() - startedMs
  await new Promise(resolve => stream.end(resolve))
  return { ms, count: 1 }
}

/** As `rotatingFileStream`. */
async function streamroller() {
  const { default: streamrollers } = await import('streamroller')
  fs.renameSync(backup, path)
  const startedMs = performance.now()
  const options = { compress: true, keepFileExt: true }
  const stream = new streamrollers.RollingFileStream(path, 1024, 10, options)
  await new Promise((resolve, reject) => {
    stream.once('error', reject)
    stream.write(lineAt(0), resolve)
  })
  const ms = performance.now() - startedMs
  await new Promise(resolve => stream.end(resolve))
  const { dir, name, ext } = parse(path)
  fs.renameSync(join(dir, `${name}.1${ext}.gz`), `${backup}.gz`)
  return { ms, count: 1 }
}

async function idle() {
  return { ms: waitMs, ...(await watched(pause(waitMs))) }
}

const contenders = {
  rollkeeper,
  bare,
  'rotating-file-stream': rotatingFileStream,
  streamroller,
  idle,
}

process.stdout.write(JSON.stringify(await contenders[contender]()))
