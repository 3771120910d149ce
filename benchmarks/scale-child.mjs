// Opens, rotates or prunes a log once, among backups that are there already, and prints how long it
// took and how long it held the event loop at a time. Plain JavaScript, so that no compiler is at
// work beside it.
// Argument, as JSON: who (`contender`) does what (`operation`) with which active file (`path`) of
// how many `backups`; how many `prunes` it makes; an idle process waits for `waitMs`.
import fs from 'node:fs'
import { dirname, join, parse } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'

const { contender, operation, path, backups, prunes, waitMs } = JSON.parse(process.argv[2])
const directory = dirname(path)
const RECORD = 'a record\n'

const pause = ms => new Promise(resolve => setTimeout(resolve, ms))

/** Measures work while a timer of the loop beats; `done` may be called before all is settled. */
async function measured(work) {
  const beat = monitorEventLoopDelay({ resolution: 1 })
  beat.enable()
  await pause(50) // what was done before is over, garbage collection and all
  beat.reset()
  await pause(4) // the first beat after that only begins
  const startedMs = performance.now()
  let doneMs
  await work(() => (doneMs = performance.now() - startedMs))
  const settledMs = performance.now() - startedMs
  await pause(5) // the beat that comes late because of the work
  beat.disable()
  return { doneMs: doneMs ?? settledMs, settledMs, holdMs: beat.max / 1e6 }
}

/** Name of a backup made now; all contenders use names like ours. */
function backupName(time = new Date()) {
  const { name, ext } = parse(path)
  return `${name}-${time.toISOString().slice(0, -1).replaceAll(':', '-')}${ext}`
}

const NAME = /^audit-(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d\.\d{3})\.log$/

/** All that is asked of a prune in a few lines: names that parse, regular files, newest first. */
function barePrune() {
  const found = []
  for (const name of fs.readdirSync(directory)) {
    const match = NAME.exec(name)
    if (!match) continue
    const [, day, hours, minutes, seconds] = match
    const backup = join(directory, name)
    const status = fs.lstatSync(backup)
    if (!status.isFile()) continue
    const timeMs = Date.parse(`${day}T${hours}:${minutes}:${seconds}Z`)
    found.push({ path: backup, bytes: status.size, timeMs })
  }
  found.sort((one, other) => other.timeMs - one.timeMs)
  for (const { path: old } of found.slice(backups)) fs.unlinkSync(old)
}

/** Each time there is one backup more than are kept. What the last took is `laterMs`. */
async function measuredPrunes(prune) {
  const results = []
  for (let count = prunes; count > 0; count--) {
    fs.writeFileSync(join(directory, backupName()), '')
    results.push(await measured(prune))
  }
  return { ...results[0], laterMs: results.at(-1).settledMs }
}

async function rollkeeper() {
  const { FileAppender } = await import('rollkeeper')
  const open = () => new FileAppender({ path, maxBackups: backups })
  let log
  if (operation === 'open') {
    const result = await measured(async () => {
      log = open()
      await log.settled()
    })
    await log.close()
    return result
  }
  log = open()
  await log.append(RECORD)
  await log.settled()
  const result =
    operation === 'prune'
      ? await measuredPrunes(() => log.prune())
      : await measured(async done => {
          await log.rotate()
          done()
          await log.settled()
        })
  await log.close()
  return result
}

async function bare() {
  let fd
  if (operation === 'open') {
    return measured(() => {
      fd = fs.openSync(path, 'a')
      barePrune()
    })
  }
  fd = fs.openSync(path, 'a')
  fs.writeSync(fd, RECORD)
  if (operation === 'prune') return measuredPrunes(barePrune)
  return measured(done => {
    fs.renameSync(path, join(directory, backupName()))
    fs.closeSync(fd)
    fd = fs.openSync(path, 'a')
    done()
    barePrune()
  })
}

/** Rotates when the next record comes in another millisecond; acknowledges it after the prune. */
async function streamroller() {
  const { default: streamrollers } = await import('streamroller')
  fs.writeFileSync(path, RECORD)
  const options = { numBackups: backups, keepFileExt: true, fileNameSep: '-' }
  const stream = new streamrollers.DateRollingFileStream(path, 'yyyy-MM-ddThh-mm-ss.SSS', options)
  const result = await measured(() => new Promise(resolve => stream.write(RECORD, resolve)))
  await new Promise(resolve => stream.end(resolve))
  return result
}

/** Rotates after each record; acknowledges it after the prune. Knows old files by a list. */
async function rotatingFileStream() {
  const { createStream } = await import('rotating-file-stream')
  const history = `${directory}.history`
  const names = fs.readdirSync(directory).filter(name => NAME.test(name))
  const list = names.sort().map(name => `${join(directory, name)}\n`)
  fs.writeFileSync(history, list.join(''))
  const name = time => (time ? backupName(time) : parse(path).base)
  const options = {
    path: directory,
    size: '1B',
    maxFiles: backups,
    history: `../${parse(history).base}`,
  }
  const stream = createStream(name, options)
  await new Promise(resolve => stream.once('open', resolve))
  const result = await measured(() => new Promise(resolve => stream.write(RECORD, resolve)))
  await new Promise(resolve => stream.end(resolve))
  fs.unlinkSync(history)
  return result
}

const contenders = {
  rollkeeper,
  bare,
  streamroller,
  'rotating-file-stream': rotatingFileStream,
  idle: () => measured(() => pause(waitMs)),
}

process.stdout.write(JSON.stringify(await contenders[contender]()))
