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

/** What `scale-child.mjs` measures. */
interface Measured {
  /** Until whoever waits for it goes on. */
  readonly doneMs: number
  /** Until all work behind it is over too. */
  readonly settledMs: number
  /** Of a prune only: what the last of some took. */
  readonly laterMs: number
  /** Longest time between two beats of a timer of one millisecond. */
  readonly holdMs: number
}

const child = new URL('scale-child.mjs', import.meta.url)

type Name = 'open' | 'rotate' | 'prune'

/** What a contender of `scale-child.mjs` adds to the tables of an operation. */
interface Part {
  readonly contender: 'rollkeeper' | 'bare' | 'rotating-file-stream' | 'streamroller'
  /** Its row in the table of holds. */
  readonly row: string
  /** Its rows in the table of times, and what each of them has. */
  readonly times: readonly (readonly [row: string, time: 'doneMs' | 'settledMs' | 'laterMs'])[]
}

interface Operation {
  readonly name: Name
  readonly title: string
  readonly about: string
  readonly parts: readonly Part[]
}

/** Prunes in one process: at the first, Node's compiler has hardly begun. */
const PRUNES = 6

const OURS = 'rollkeeper'
const OURS_LATER = 'rollkeeper, the sixth time in a process'
const BARE = 'bare: readdirSync, lstatSync of each, sort, unlinkSync'
const IDLE = 'a process that does nothing, for as long'
const LONGER = 'rollkeeper, longer than a process that does nothing'

const BARE_PART: Part = { contender: 'bare', row: BARE, times: [[BARE, 'settledMs']] }

/** Peers do nothing about old files but when they rotate. */
const OPERATIONS: readonly Operation[] = [
  {
    name: 'open',
    title: 'Open',
    about:
      'From `new FileAppender` until it has settled: it has listed its backups, and found none to ' +
      'prune. The bare loop opens a file and does the same.',
    parts: [{ contender: 'rollkeeper', row: OURS, times: [[OURS, 'settledMs']] }, BARE_PART],
  },
  {
    name: 'rotate',
    title: 'Rotate',
    about:
      'One rotation, after which the oldest backup goes. The bare loop renames and opens, then ' +
      'prunes. The peers acknowledge a record when all of that is done; they have fewer rounds.',
    parts: [
      {
        contender: 'rollkeeper',
        row: OURS,
        times: [
          ['rollkeeper, until the next file is open', 'doneMs'],
          ['rollkeeper, until the oldest is gone', 'settledMs'],
        ],
      },
      BARE_PART,
      peer('rotating-file-stream', 'rotating-file-stream, maxFiles'),
      peer('streamroller', 'streamroller, numBackups'),
    ],
  },
  {
    name: 'prune',
    title: 'Prune one backup',
    about:
      '`await log.prune()` when there is one backup more than are kept. The log has listed the ' +
      'others before; the bare loop remembers nothing.',
    parts: [
      {
        contender: 'rollkeeper',
        row: OURS,
        times: [
          [OURS, 'settledMs'],
          [OURS_LATER, 'laterMs'],
        ],
      },
      {
        contender: 'bare',
        row: BARE,
        times: [
          [BARE, 'settledMs'],
          ['bare, the sixth time in a process', 'laterMs'],
        ],
      },
    ],
  },
]

/** How much longer than an idle process it may hold the event loop, among how many backups. */
const HOLD_WANTED_MS = 5
const HOLD_WANTED_AT = [10_000, 100_000]

/** What lumberjack took for a pass over 10,000 backups: 2.96 µs for each. */
const LUMBERJACK = { backups: 10_000, passMs: 29.6 }

/** Old backups are so far apart: the oldest of 100,000 was made ten weeks ago. */
const APART_MS = 60_000

/** Opening, rotating and pruning among many backups: how long, and how long nobody else can work. */
export async function scale({ sizes, rounds, peerRounds }: BackupScale): Promise<Grid[]> {
  const tables = OPERATIONS.map(operation => ({ operation, ...newSheets(operation, sizes) }))
  for (const size of sizes) {
    const column = columnOf(size)
    await inEmptyDirectory(async parent => {
      const backups = new BackupDirectory(join(parent, 'log'), size)
      for (let round = 0; round < rounds; round++) {
        for (const { operation, times, holds } of tables) {
          for (const part of rotated(operation.parts, round)) {
            const { contender } = part
            if (contender !== 'rollkeeper' && contender !== 'bare' && round >= peerRounds) continue
            const measured = backups.measure(contender, operation.name)
            for (const [row, time] of part.times) times.add(row, column, measured[time])
            holds.add(part.row, column, measured.holdMs)
            if (contender !== 'rollkeeper') continue
            const idleMs = holdOfIdle(measured.settledMs)
            holds.add(IDLE, column, idleMs)
            holds.add(LONGER, column, measured.holdMs - idleMs)
          }
        }
      }
    })
  }
  return tables.flatMap(({ holds, times }) => [holds.grid(), times.grid()])
}

function peer(contender: Part['contender'], row: string): Part {
  return { contender, row, times: [[row, 'settledMs']] }
}

function newSheets(
  { name, title, about, parts }: Operation,
  sizes: readonly number[],
): { times: GridSheet; holds: GridSheet } {
  const [ours = '', ...others] = parts.map(({ row }) => row)
  const common = { unit: 'ms', heading: 'backups', columns: sizes.map(columnOf) } as const
  const holds: GridQuestion = {
    ...common,
    title: `${title}: longest hold of the event loop`,
    about: `${about} For so long nobody else in the process has a turn, from the call until all is done.`,
    wanted: HOLD_WANTED_AT.filter(size => sizes.includes(size)).map(size => ({
      row: LONGER,
      column: columnOf(size),
      valueAtMost: HOLD_WANTED_MS,
    })),
  }
  const isCompared = name === 'prune' && sizes.includes(LUMBERJACK.backups)
  const eachMicroseconds = (LUMBERJACK.passMs / LUMBERJACK.backups) * 1000
  const lumberjack =
    ` Wanted: what lumberjack (Go) took for such a pass elsewhere, ` +
    `${eachMicroseconds.toFixed(2)} µs for each backup.`
  const times: GridQuestion = {
    ...common,
    title: `${title}: time`,
    about: about + (isCompared ? lumberjack : ''),
    wanted: (isCompared ? [OURS, OURS_LATER] : []).map(row => ({
      row,
      column: columnOf(LUMBERJACK.backups),
      valueAtMost: LUMBERJACK.passMs,
    })),
  }
  const timeRows = parts.flatMap(part => part.times.map(([row]) => row))
  return {
    holds: new GridSheet(holds, [ours, IDLE, LONGER, ...others]),
    times: new GridSheet(times, timeRows),
  }
}

function columnOf(size: number): string {
  return size.toLocaleString('en-US')
}

function holdOfIdle(waitMs: number): number {
  const measured = runChild(child, { contender: 'idle', path: '', waitMs }) as Measured
  return measured.holdMs
}

/** A directory with backups; each work on it leaves as many. They are empty: names count here. */
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

  /** Lets a contender work, and throws unless the oldest gave way to as many new ones. */
  measure(contender: Part['contender'], operation: Name): Measured {
    const backups = this.#names.length
    const task = { contender, operation, path: this.#path, backups, prunes: PRUNES }
    const measured = runChild(child, task) as Measured
    fs.rmSync(this.#path, { force: true })
    const left = fs.readdirSync(this.#directory).sort()
    const gone = { open: 0, rotate: 1, prune: PRUNES }[operation]
    const all = [...this.#names, ...left.slice(backups - gone)]
    const newest = this.#names.at(-1) ?? ''
    const isRight =
      left.join() === all.slice(gone).join() && all.slice(backups).every(name => name > newest)
    assert.ok(isRight, `${contender} left wrong files after ${operation} of ${backups}`)
    assert.equal(left.length, backups, `files after ${contender}: ${operation}`)
    this.#names = left
    return measured
  }
}
