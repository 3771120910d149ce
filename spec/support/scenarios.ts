import fs from 'node:fs'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { FileAppender } from '../../lib/appender/file-appender.js'
import type { Durability, FileAppenderOptions } from '../../lib/appender/options.js'
import type { Backup } from '../../lib/backup/backup.js'
import { formatBackupName } from '../../lib/backup/backup-name.js'
import type { Platform } from '../../lib/platform/platform.js'
import { bytesOf, bytesOfRange, MAX_SIZE, type Ledger, type Prepared } from './ledger.js'
import type { ManualClock } from './manual-clock.js'
import { plantStrangers, strangersOf } from './strangers.js'

/** What a scenario runs on. */
interface Stage {
  readonly platform: Platform
  /** The active file. */
  readonly path: string
  readonly ledger: Ledger
  /** The platform's, if it stands still until it is told: without one, time passes by itself. */
  readonly clock?: ManualClock
  /** Resolved when no call of the disk is under way. Not needed where calls take no time. */
  idle?(): Promise<void>
}

/**
 * A short life of a log, always the same. It ends under any fault: what is rejected goes into the
 * ledger, nothing is waited for without bound, and in the end the log is closed.
 */
export interface Scenario {
  readonly name: string
  /** What is in the directory when it begins, for the ledger. */
  readonly prepared: Prepared
  /** Builds the directory, and what is in it, by the machine's own disk. */
  readonly prepare: (path: string) => void
  readonly run: (stage: Stage) => Promise<void>
  /** Names in the directory that are not the log's. */
  readonly strangers: (path: string) => string[]
  /** Names that others gave files of the log; their records count. */
  readonly elsewhere: readonly string[]
}

/** Something that waits is given this many chances, with some time passing before each. */
const PASSES = 6
/** Longer than the appender's waits for the next try. */
const PASS_MS = 1100
/** Turns of the event loop before time passes: more than any chain of calls that takes no time. */
const TURNS = 40

const DAYS = ['2016-09-03', '2016-09-04', '2016-09-05', '2016-09-06', '2016-09-07']

/** All scenarios, in the order of a log's life. */
export function allScenarios(): Scenario[] {
  return [
    ...opening(),
    ...(['flush', 'sync'] as const).flatMap(durability => [
      appending(durability),
      rotating(durability),
      rotatingByFloods(durability),
      reopening(durability),
      closing(durability),
    ]),
    syncingBehind(),
    dropping(),
    ...recovering(),
    ...archiving(),
    ...pruning(),
    holding(),
  ]
}

/** A scenario by its name. */
export function scenarioNamed(name: string): Scenario {
  const found = allScenarios().find(one => one.name === name)
  if (!found) throw new Error(`no scenario is named ${name}`)
  return found
}

type Part = Partial<Prepared> & {
  name: string
  elsewhere?: readonly string[]
  prepare?: (path: string) => void
  run: (stage: Stage) => Promise<void>
}

/** A scenario in a directory that is there, with strangers in it. */
function scenario(part: Part): Scenario {
  const { name, run, prepare, elsewhere = [], ...prepared } = part
  return {
    name,
    run,
    elsewhere,
    prepared,
    prepare(path) {
      fs.mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
      plantStrangers(path)
      prepare?.(path)
    },
    strangers: strangersOf,
  }
}

function opening(): Scenario[] {
  const run = async (stage: Stage): Promise<void> => {
    await withLog(stage, {}, async log => {
      await settle(stage, [stage.ledger.append(log), stage.ledger.append(log)])
      await settle(stage, [stage.ledger.append(log)])
    })
  }
  const missing = scenario({ name: 'open in missing directories', run })
  return [
    { ...missing, prepare: () => undefined, strangers: () => [] },
    scenario({
      name: 'open an existing file',
      acknowledged: 2,
      prepare(path) {
        fs.writeFileSync(path, bytesOfRange([1, 2]))
        fs.writeFileSync(join(dirname(path), '.audit.log.lock'), 'of a process that was killed\n')
      },
      run,
    }),
    scenario({
      name: 'open a torn tail',
      acknowledged: 2,
      unknown: 1,
      prepare: path => fs.writeFileSync(path, torn([1, 2], 20)),
      run,
    }),
  ]
}

function appending(durability: Durability): Scenario {
  return scenario({
    name: `append, ${durability}`,
    acknowledged: 1,
    prepare: path => fs.writeFileSync(path, bytesOf(1)),
    run: stage =>
      withLog(stage, { durability }, async log => {
        const { ledger } = stage
        for (let batch = 0; batch < 3; batch++) {
          const waiting = [ledger.append(log), ledger.append(log)]
          ledger.write(log)
          await settle(stage, [...waiting, ledger.append(log)])
        }
        ledger.write(log)
        await settle(stage, [ledger.flush(log)])
        for (let one = 0; one < 3; one++) await settle(stage, [ledger.append(log)])
      }),
  })
}

function rotating(durability: Durability): Scenario {
  return scenario({
    name: `rotate, ${durability}`,
    acknowledged: 3,
    prepare(path) {
      fs.writeFileSync(backupPath(path, 0), bytesOfRange([1, 2]))
      fs.writeFileSync(path, bytesOf(3))
    },
    run: stage =>
      withLog(stage, { durability, maxSize: undefined }, async log => {
        const { ledger } = stage
        await settle(stage, [ledger.append(log)])
        await ledger.attempt(log.rotate())
        const waiting = [ledger.append(log)]
        waiting.push(voided(ledger.attempt(log.rotate())), ledger.append(log))
        waiting.push(voided(ledger.attempt(log.rotate())), ledger.append(log))
        await settle(stage, waiting)
        await settle(stage, [ledger.attempt(log.sync()), ledger.append(log)])
        await ledger.attempt(log.rotate())
        await ledger.attempt(log.rotate()) // empty
      }),
  })
}

function rotatingByFloods(durability: Durability): Scenario {
  return scenario({
    name: `rotate by size, ${durability}`,
    run: stage =>
      withLog(stage, { durability, maxSize: 200 }, async log => {
        const { ledger } = stage
        await settle(stage, [ledger.append(log), ledger.append(log), ledger.append(log)])
        ledger.write(log)
        await settle(stage, [ledger.flush(log), ledger.append(log)])
      }),
  })
}

function reopening(durability: Durability): Scenario {
  return scenario({
    name: `reopen, ${durability}`,
    elsewhere: ['moved', 'moved.2'],
    run: stage =>
      withLog(stage, { durability }, async log => {
        const { ledger, path } = stage
        const moved = (name: string): string => join(dirname(path), name)
        await settle(stage, [ledger.append(log), ledger.append(log)])
        moveAway(path, moved('moved'))
        await settle(stage, [ledger.append(log)])
        deleteFile(path, ledger)
        await settle(stage, [ledger.append(log), ledger.append(log)])
        moveAway(path, moved('moved.2'))
        await settle(stage, [ledger.attempt(log.reopen())])
        await settle(stage, [ledger.append(log)])
        await settle(stage, [ledger.attempt(log.reopen()), ledger.append(log)])
      }),
  })
}

function closing(durability: Durability): Scenario {
  return scenario({
    name: `close, ${durability}`,
    acknowledged: 1,
    prepare: path => fs.writeFileSync(backupPath(path, 0), bytesOf(1)),
    run: stage =>
      withLog(stage, { durability, compress: 'gzip' }, async log => {
        const { ledger } = stage
        void ledger.append(log)
        void ledger.attempt(log.rotate())
        ledger.write(log)
        void ledger.append(log)
      }),
  })
}

function syncingBehind(): Scenario {
  return scenario({
    name: 'append, flush and sync behind',
    run: stage =>
      withLog(stage, { maxSize: 200, batchBytes: 0, syncInterval: '1s' }, async log => {
        const { ledger } = stage
        for (let batch = 0; batch < 3; batch++) {
          await settle(stage, [ledger.append(log), ledger.append(log)])
          await pass(stage, PASS_MS)
        }
        await settle(stage, [ledger.attempt(log.sync())])
      }),
  })
}

/** Only when something fails: then there is hardly room for what waits. */
function dropping(): Scenario {
  const options = { maxSize: 600, maxPending: 200, onFull: 'drop' } as const
  return scenario({
    name: 'append past maxPending',
    run: stage =>
      withLog(stage, options, async log => {
        const { ledger } = stage
        for (let batch = 0; batch < 3; batch++) {
          const waiting = [ledger.append(log), ledger.append(log)]
          ledger.write(log)
          ledger.write(log)
          await settle(stage, waiting, 1)
        }
        await settle(stage, [ledger.flush(log)])
      }),
  })
}

/** A directory as a crash left it, in each step of a rotation. */
function recovering(): Scenario[] {
  const hidden = (path: string, number = ''): string =>
    join(dirname(path), `.audit.log.rotating${number}`)
  const run = (durability: Durability) => (stage: Stage) =>
    withLog(stage, { durability }, async log => {
      const { ledger } = stage
      await settle(stage, [ledger.append(log), ledger.append(log)])
      await ledger.attempt(log.rotate())
      await settle(stage, [ledger.append(log)])
    })
  const acknowledged = 4
  return [
    scenario({
      name: 'recover a private name',
      acknowledged,
      unknown: 1,
      prepare(path) {
        fs.writeFileSync(backupPath(path, 0), bytesOfRange([1, 2]))
        fs.writeFileSync(hidden(path), torn([3, 4], 10))
      },
      run: run('flush'),
    }),
    scenario({
      name: 'recover both names, sync',
      acknowledged,
      unknown: 1,
      prepare(path) {
        fs.writeFileSync(hidden(path), torn([1, 4], 1_000_000))
        fs.linkSync(hidden(path), backupPath(path, 4))
      },
      run: run('sync'),
    }),
    scenario({
      name: 'recover an empty next file',
      acknowledged,
      prepare(path) {
        fs.writeFileSync(backupPath(path, 0), bytesOfRange([1, 2]))
        fs.writeFileSync(hidden(path), bytesOfRange([3, 4]))
        fs.linkSync(hidden(path), backupPath(path, 4))
        fs.writeFileSync(path, '')
      },
      run: run('flush'),
    }),
    scenario({
      name: 'recover several private names',
      acknowledged,
      unknown: 1,
      prepare(path) {
        fs.writeFileSync(hidden(path), bytesOfRange([1, 2]))
        fs.linkSync(hidden(path), backupPath(path, 0))
        fs.writeFileSync(hidden(path, '.2'), bytesOf(3))
        fs.linkSync(hidden(path, '.2'), backupPath(path, 4))
        fs.writeFileSync(hidden(path, '.3'), bytesOf(4))
        fs.writeFileSync(path, bytesOf(5).subarray(0, 3))
      },
      run: run('flush'),
    }),
    scenario({
      name: 'recover a file put back',
      acknowledged,
      prepare(path) {
        fs.writeFileSync(path, bytesOfRange([1, 4]))
        fs.linkSync(path, hidden(path))
      },
      run: run('flush'),
    }),
    scenario({
      name: 'recover an active file that is the newest backup, sync',
      acknowledged,
      prepare(path) {
        fs.writeFileSync(path, bytesOfRange([1, 4]))
        fs.linkSync(path, backupPath(path, 4))
      },
      run: run('sync'),
    }),
  ]
}

function archiving(): Scenario[] {
  const prepare = (path: string): void => {
    fs.writeFileSync(backupPath(path, 0), bytesOfRange([1, 3]))
    fs.writeFileSync(backupPath(path, 1), bytesOfRange([4, 5]))
    fs.writeFileSync(path, bytesOf(6))
  }
  return [
    scenario({
      name: 'archive',
      acknowledged: 6,
      prepare,
      run: stage =>
        withLog(stage, { compress: 'gzip' }, async log => {
          const { ledger } = stage
          await log.settled()
          await settle(stage, [ledger.append(log)])
          await pass(stage, 61_000) // what failed is tried again
          await log.settled()
          await settle(stage, [ledger.append(log)])
        }),
    }),
    scenario({
      name: 'archive what a crash left',
      acknowledged: 6,
      prepare(path) {
        prepare(path)
        const [whole, half] = [backupPath(path, 0), backupPath(path, 1)]
        fs.writeFileSync(`${whole}.gz`, gzipSync(bytesOfRange([1, 3])))
        fs.chmodSync(`${whole}.gz`, fs.statSync(whole).mode & 0o777)
        const gzip = gzipSync(bytesOfRange([4, 5]))
        fs.writeFileSync(`${half}.gz`, gzip.subarray(0, gzip.length / 2))
        const temporary = join(dirname(path), `.${formatBackupName('audit.log', timeOf(0))}.gz.tmp`)
        fs.writeFileSync(temporary, gzip.subarray(0, 9))
      },
      run: stage =>
        withLog(stage, { compress: 'gzip' }, async log => {
          await log.settled()
          await pass(stage, 61_000)
          await log.settled()
          await settle(stage, [stage.ledger.append(log)])
        }),
    }),
  ]
}

function pruning(): Scenario[] {
  const prepare = (path: string): void => {
    for (let day = 0; day < 5; day++) {
      const bytes = bytesOfRange([day * 2 + 1, day * 2 + 2])
      if (day === 2) fs.writeFileSync(`${backupPath(path, day)}.gz`, gzipSync(bytes))
      else fs.writeFileSync(backupPath(path, day), bytes)
    }
    fs.writeFileSync(`${backupPath(path, 1)}.hold`, 'asked for by the auditors\n')
  }
  const held = [formatBackupName('audit.log', timeOf(1))]
  const pair = (day: number): readonly [number, number] => [day * 2 + 1, day * 2 + 2]
  return [
    scenario({
      name: 'prune by number',
      acknowledged: 10,
      held,
      prunable: [pair(0), pair(2), pair(3)],
      backupsMin: 3,
      prepare,
      run: stage =>
        withLog(stage, { maxBackups: 3 }, async log => {
          const { ledger } = stage
          await log.settled()
          await settle(stage, [ledger.append(log)])
          await ledger.attempt(log.rotate())
          await settle(stage, [ledger.append(log)])
          await ledger.attempt(log.prune(), 'the system')
        }),
    }),
    scenario({
      name: 'prune by age',
      acknowledged: 10,
      held,
      // The third is too old already, and half a minute later the fourth is: 29 hours and 4 minutes.
      prunable: [pair(0), pair(2), pair(3)],
      backupsMin: 2,
      prepare,
      run: stage =>
        withLog(stage, { maxAge: '1744m' }, async log => {
          const { ledger } = stage
          await log.settled()
          await settle(stage, [ledger.append(log)])
          await pass(stage, 30_000)
          await log.settled()
          await settle(stage, [ledger.attempt(log.prune(), 'the system'), ledger.append(log)])
        }),
    }),
  ]
}

function holding(): Scenario {
  return scenario({
    name: 'hold and release',
    acknowledged: 6,
    prunable: [1, 3, 5].map(first => [first, first + 1] as const), // unless it is held
    backupsMin: 1,
    prepare(path) {
      for (let day = 0; day < 3; day++) {
        fs.writeFileSync(backupPath(path, day), bytesOfRange([day * 2 + 1, day * 2 + 2]))
      }
      fs.writeFileSync(join(dirname(path), '.audit.log.hold'), 'half a rea')
    },
    run: stage =>
      withLog(stage, {}, async log => {
        const { ledger } = stage
        const backups = (await ledger.attempt(log.backups(), 'the system')) ?? []
        const [newest, middle, oldest] = backups
        if (!newest || !middle || !oldest) return
        const hold = async (backup: Backup, why: string): Promise<void> => {
          await ledger.attempt(log.hold(backup, why).then(() => ledger.hold(backup)))
        }
        await hold(oldest, 'asked for by the auditors')
        await hold(oldest, 'asked for by somebody else')
        await hold(middle, 'not for long')
        ledger.release(middle)
        await ledger.attempt(log.release(middle))
        await settle(stage, [ledger.append(log)])
        await ledger.attempt(log.rotate())
        await ledger.attempt(log.backups(), 'the system')
      }).then(() =>
        withLog(stage, { maxBackups: 1 }, async log => {
          await log.settled()
          await settle(stage, [stage.ledger.append(log)])
        }),
      ),
  })
}

/** Opens a log, does something with it, and closes it, whatever fails of that. */
async function withLog(
  stage: Stage,
  options: Partial<FileAppenderOptions>,
  use: (log: FileAppender) => Promise<void>,
): Promise<void> {
  const { platform, path, ledger } = stage
  let log: FileAppender
  try {
    log = new FileAppender({ path, maxSize: MAX_SIZE, ...options }, platform)
  } catch (error) {
    ledger.failed(error)
    return
  }
  ledger.watch(log)
  try {
    await use(log)
  } catch (error) {
    ledger.failed(error)
  }
  await ledger.attempt(log.close())
  await turn() // events come in a later one
  await turn()
  ledger.end()
}

/**
 * Waits for all of these, and lets time pass where that is what they wait for. Gives up at last:
 * they are settled when the log is closed.
 */
async function settle(
  stage: Stage,
  waiting: readonly Promise<unknown>[],
  passes = PASSES,
): Promise<void> {
  let status: 'waiting' | 'settled' = 'waiting'
  const isSettled = (): boolean => status === 'settled'
  const all = Promise.all(waiting).then(() => (status = 'settled'))
  if (!stage.clock) {
    await Promise.race([all, new Promise(resolve => setTimeout(resolve, passes * PASS_MS))])
    return
  }
  for (let passed = 0; passed <= passes && !isSettled(); passed++) {
    if (passed > 0) stage.clock.pass(PASS_MS)
    for (let turns = 0; turns < TURNS && !isSettled(); turns++) {
      await turn()
      await stage.idle?.()
    }
  }
}

/** Lets time pass, and what comes of it happen. */
async function pass(stage: Stage, ms: number): Promise<void> {
  if (!stage.clock) return // nobody waits for a minute: then it does not happen
  stage.clock.pass(ms)
  for (let turns = 0; turns < TURNS; turns++) {
    await turn()
    await stage.idle?.()
  }
}

function turn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}

async function voided(promise: Promise<unknown>): Promise<void> {
  await promise
}

/** Some records, and the beginning of the next one; at the most all of it but its line end. */
function torn(range: readonly [number, number], bytes: number): Buffer {
  const next = bytesOf(range[1] + 1)
  return Buffer.concat([bytesOfRange(range), next.subarray(0, Math.min(bytes, next.length - 1))])
}

function timeOf(day: number): Date {
  return new Date(`${DAYS[day]}T08:00:00.000Z`)
}

function backupPath(path: string, day: number): string {
  return join(dirname(path), formatBackupName('audit.log', timeOf(day)))
}

/** What an administrator does. */
function moveAway(path: string, to: string): void {
  if (fs.existsSync(path)) fs.renameSync(path, to)
}

function deleteFile(path: string, ledger: Ledger): void {
  if (!fs.existsSync(path)) return
  ledger.excuse(fs.readFileSync(path))
  fs.unlinkSync(path)
}
