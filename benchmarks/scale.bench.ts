import assert from 'node:assert/strict'
import fs from 'node:fs'
import { join } from 'node:path'
import { formatBackupName } from 'rollkeeper'
import { runChild } from './child.js'
import { GridSheet, type Grid, type GridQuestion } from './grid.js'
import { inEmptyDirectory, rotated } from './measure.js'

/** How much is measured. */
export interface BackupScale {
  /** Numbers of backups. */
  readonly sizes: readonly number[]
  readonly rounds: number
  /** Peers take part in this many rounds, since they take long. */
  readonly peerRounds: number
}

/** What `scale-child.mjs` measures, in milliseconds. */
interface Measured {
  /** Until whoever waits for it goes on. */
  readonly doneMs: number
  /** Until all work behind it is over too. */
  readonly settledMs: number
  /** Longest time between two turns of the event loop. */
  readonly holdMs: number
}

type Operation = 'open' | 'rotate' | 'prune'

/** Contenders of `scale-child.mjs`. */
type Kind = 'rollkeeper' | 'bare' | 'rotating-file-stream' | 'streamroller'

/** Names of rows. */
const OURS = 'rollkeeper'
const OURS_SETTLED = 'rollkeeper, until all behind it is done'
const BARE = 'bare: fs.readdirSync, lstatSync of each, sort, unlinkSync'
const IDLE = 'a process that does nothing, for as long'
const LONGER = 'rollkeeper, longer than a process that does nothing'
const ROTATING_FILE_STREAM = 'rotating-file-stream, maxFiles'
const STREAMROLLER = 'streamroller, numBackups'

const ROWS: Readonly<Record<Kind, string>> = {
  rollkeeper: OURS,
  bare: BARE,
  'rotating-file-stream': ROTATING_FILE_STREAM,
  streamroller: STREAMROLLER,
}

/** Peers do nothing about old files but when they rotate. */
const KINDS: Readonly<Record<Operation, readonly Kind[]>> = {
  open: ['rollkeeper', 'bare'],
  rotate: ['rollkeeper', 'bare', 'rotating-file-stream', 'streamroller'],
  prune: ['rollkeeper', 'bare'],
}

/** What each operation is, for the tables. */
const TITLES: Readonly<Record<Operation, string>> = {
  open: 'open',
  rotate: 'rotate',
  prune: 'prune one backup',
}
const ABOUTS: Readonly<Record<Operation, string>> = {
  open:
    'From `new FileAppender` until it has settled: it has listed its backups, and there is none ' +
    'to prune. The bare loop opens a file and does the same.',
  rotate:
    'One rotation, after which the oldest backup goes. The bare loop renames and opens, then prunes ' +
    'in one go. The peers acknowledge a record when all of that is done.',
  prune:
    '`await log.prune()` when there is one backup more than are kept, of a log that has listed the ' +
    'others before; the bare loop knows nothing from before.',
}

/** How much longer than an idle process it may hold the event loop, among how many backups. */
const HOLD_WANTED_MS = 5
const HOLD_WANTED_AT = [10_000, 100_000]

/** What lumberjack takes for a pass over 10,000 backups: 2.96 µs for each, here and in 2026. */
const LUMBERJACK = { backups: 10_000, passMs: 29.6 }

/** Old backups are so far apart: the oldest of 100,000 was made ten weeks ago. */
const APART_MS = 60_000

/** Opening, rotating and pruning among many backups: how long, and how long nobody else can work. */
export async function scale({ sizes, rounds, peerRounds }: BackupScale): Promise<Grid[]> {
  const tables = (['open', 'rotate', 'prune'] as const).map(operation => ({
    operation,
    duration: new GridSheet(durationQuestion(operation, sizes), durationRows(operation)),
    hold: new GridSheet(holdQuestion(operation, sizes), holdRows(operation)),
  }))
  for (const size of sizes) {
    await inEmptyDirectory(async parent => {
      const backups = new BackupDirectory(join(parent, 'log'), size)
      for (let round = 0; round < rounds; round++) {
        for (const { operation, duration, hold } of tables) {
          const column = columnOf(size)
          for (const kind of rotated(KINDS[operation], round)) {
            if (kind !== 'rollkeeper' && kind !== 'bare' && round >= peerRounds) continue
            const { doneMs, settledMs, holdMs } = backups.measure(kind, operation)
            hold.add(ROWS[kind], column, holdMs)
            const isRotation = kind === 'rollkeeper' && operation === 'rotate'
            duration.add(ROWS[kind], column, isRotation ? doneMs : settledMs)
            if (isRotation) duration.add(OURS_SETTLED, column, settledMs)
            if (kind !== 'rollkeeper') continue
            const idleMs = holdOfIdle(settledMs)
            hold.add(IDLE, column, idleMs)
            hold.add(LONGER, column, holdMs - idleMs)
          }
        }
      }
    })
  }
  return tables.flatMap(({ duration, hold }) => [hold.grid(), duration.grid()])
}

function holdQuestion(operation: Operation, sizes: readonly number[]): GridQuestion {
  return {
    title: `${TITLES[operation]}: longest hold of the event loop`,
    about: `${ABOUTS[operation]} For so long nobody else in the process has a turn.`,
    unit: 'ms',
    heading: 'backups',
    columns: sizes.map(columnOf),
    wanted: HOLD_WANTED_AT.filter(size => sizes.includes(size)).map(size => ({
      row: LONGER,
      column: columnOf(size),
      valueAtMost: HOLD_WANTED_MS,
    })),
  }
}

function durationQuestion(operation: Operation, sizes: readonly number[]): GridQuestion {
  const isCompared = operation === 'prune' && sizes.includes(LUMBERJACK.backups)
  const lumberjack =
    ` What is wanted is what lumberjack took elsewhere for a pass over as many ` +
    `(${((LUMBERJACK.passMs / LUMBERJACK.backups) * 1000).toFixed(2)} µs for each backup).`
  return {
    title: `${TITLES[operation]}: time`,
    about: ABOUTS[operation] + (isCompared ? lumberjack : ''),
    unit: 'ms',
    heading: 'backups',
    columns: sizes.map(columnOf),
    wanted: isCompared
      ? [{ row: OURS, column: columnOf(LUMBERJACK.backups), valueAtMost: LUMBERJACK.passMs }]
      : [],
  }
}

function durationRows(operation: Operation): string[] {
  const [first = '', ...others] = KINDS[operation].map(kind => ROWS[kind])
  return operation === 'rotate' ? [first, OURS_SETTLED, ...others] : [first, ...others]
}

function holdRows(operation: Operation): string[] {
  const [first = '', ...others] = KINDS[operation].map(kind => ROWS[kind])
  return [first, IDLE, LONGER, ...others]
}

function columnOf(size: number): string {
  return size.toLocaleString('en-US')
}

function holdOfIdle(waitMs: number): number {
  return runChild<Measured>('scale-child.mjs', { contender: 'idle', path: '', waitMs }).holdMs
}

/** A directory with backups; each work on it leaves as many. They are empty: only names count. */
class BackupDirectory {
  readonly #directory: string
  readonly #path: string
  /** Oldest first. */
  #names: string[]

  constructor(directory: string, count: number) {
    this.#directory = directory
    this.#path = join(directory, 'audit.log')
    fs.mkdirSync(directory)
    const now = Date.now()
    this.#names = Array.from({ length: count }, (_, index) => {
      const name = formatBackupName(this.#path, new Date(now - (count - index) * APART_MS))
      fs.closeSync(fs.openSync(join(directory, name), 'wx'))
      return name
    })
  }

  /** Lets a contender work, and throws unless it left what it should. */
  measure(contender: Kind, operation: Operation): Measured {
    const backups = this.#names.length
    const task = { contender, operation, path: this.#path, backups }
    const measured = runChild<Measured>('scale-child.mjs', task)
    fs.rmSync(this.#path, { force: true })
    const left = fs.readdirSync(this.#directory).sort()
    if (operation === 'open') {
      assert.deepEqual(left, this.#names, `${contender} changed something at open`)
      return measured
    }
    assert.deepEqual(left.slice(0, -1), this.#names.slice(1), `${contender} removed a wrong file`)
    const [oldest = '', newest = ''] = [this.#names.at(-1), left.at(-1)]
    assert.ok(newest > oldest, `${contender} made no backup`)
    this.#names = left
    return measured
  }
}
