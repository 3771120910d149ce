import assert from 'node:assert/strict'
import fs from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { formatBackupName } from 'rollkeeper'
import { formatRequest, formatResponse } from 'rollkeeper/audit'
import { runChild } from './child.js'
import { GridSheet, type Grid, type GridQuestion } from './grid.js'
import { assertLines, lines } from './lines.js'
import { inEmptyDirectory, rotated } from './measure.js'
import { answer, type Answer, type Question } from './record.js'

const child = new URL('archive-child.mjs', import.meta.url)

/** How much is measured. */
export interface ArchiveScale {
  /** Of the file that is archived. */
  readonly bytes: number
  readonly rounds: number
}

/** What `archive-child.mjs` is asked for. */
interface Task {
  readonly contender: 'rollkeeper' | 'bare' | 'rotating-file-stream' | 'streamroller' | 'idle'
  /** What a log of ours does meanwhile. */
  readonly beside: 'nothing' | 'appends' | 'trickle'
  /** How long it goes on without an archive; undefined: until one is made. */
  readonly waitMs?: number
}

/** What `archive-child.mjs` measures. */
interface Measured {
  readonly ms: number
  /** Lines that were written meanwhile. */
  readonly count: number
  /** Time between two beats of a timer of one millisecond: 99 of 100 are shorter, and the longest. */
  readonly p99Ms: number
  readonly longestMs: number
}

/** Names of rows. */
const ALONE = 'rollkeeper, compress'
const BESIDE = 'rollkeeper, compress, while lines are appended'
const BARE = 'bare: pipeline of file, createGzip and file, then fsync'
const ROTATING_FILE_STREAM = 'rotating-file-stream, compress (no sync)'
const STREAMROLLER = 'streamroller, compress (no sync)'
const WITH = 'await append, while an archive is made'
const WITHOUT = 'await append, no archive'
const ROTATING_FILE_STREAM_WITH = 'rotating-file-stream: write, while it compresses'
const STREAMROLLER_WITH = 'streamroller: write, while it compresses'
const LOOP_WITH = 'rollkeeper, while an archive is made'
const LOOP_WITHOUT = 'rollkeeper, no archive'
const LOOP_IDLE = 'a process that does nothing'
const LOOP_LONGER = 'rollkeeper with an archive, longer than a process that does nothing'

const P99 = '99 of 100'
const LONGEST = 'longest'

/** Archives of one level are alike in size, to this part. */
const SIZE_TOLERANCE = 0.01

/** An archive of a large backup: how fast it is, and who feels it. */
export async function archive(scale: ArchiveScale): Promise<(Answer | Grid)[]> {
  return inEmptyDirectory(async parent => {
    const workshop = new Workshop(parent, scale.bytes)
    const speeds = newRows(ALONE, BESIDE, BARE, ROTATING_FILE_STREAM, STREAMROLLER)
    const appends = newRows(WITH, WITHOUT, ROTATING_FILE_STREAM_WITH, STREAMROLLER_WITH)
    const delays = new GridSheet(DELAY, [LOOP_WITH, LOOP_WITHOUT, LOOP_IDLE, LOOP_LONGER])
    const note = (row: string, { ms }: Measured): void => {
      speeds.get(row)?.push(scale.bytes / 1e6 / (ms / 1000))
    }
    const noteAppends = (row: string, { ms, count }: Measured): void => {
      appends.get(row)?.push((count / ms) * 1000)
    }
    const parts = [
      () => note(ALONE, workshop.run({ contender: 'rollkeeper', beside: 'nothing' })),
      () => note(BARE, workshop.run({ contender: 'bare', beside: 'nothing' })),
      () => {
        const made = workshop.run({ contender: 'rotating-file-stream', beside: 'nothing' })
        note(ROTATING_FILE_STREAM, made)
        noteAppends(ROTATING_FILE_STREAM_WITH, made)
      },
      () => {
        const made = workshop.run({ contender: 'streamroller', beside: 'nothing' })
        note(STREAMROLLER, made)
        noteAppends(STREAMROLLER_WITH, made)
      },
      () => {
        const made = workshop.run({ contender: 'rollkeeper', beside: 'appends' })
        const task = { contender: 'rollkeeper', beside: 'appends', waitMs: made.ms } as const
        note(BESIDE, made)
        noteAppends(WITH, made)
        noteAppends(WITHOUT, workshop.run(task))
      },
      () => addDelays(delays, workshop),
    ]
    for (let round = 0; round < scale.rounds; round++) {
      for (const part of rotated(parts, round)) part()
    }
    const how = { lines: workshop.lineCount, warmups: 0, rounds: scale.rounds }
    return [answer(APPENDS, how, appends), delays.grid(), answer(speedOf(scale), how, speeds)]
  })
}

const APPENDS: Question = {
  title: 'append, while an archive is made',
  about:
    'Durability: handed to the operating system; each line is acknowledged before the next. The ' +
    'peers take no line before the archive is done, and one when it is. The file that is ' +
    'compressed meanwhile:',
  unit: 'lines/s',
  reference: WITHOUT,
  wanted: { row: WITH, ratioAtLeast: 0.9 },
}

const DELAY: GridQuestion = {
  title: 'event loop, while an archive is made',
  about:
    'How far two beats of a timer of one millisecond are apart, while 10 lines are written each ' +
    'millisecond.',
  unit: 'ms',
  heading: 'of the beats',
  columns: [P99, LONGEST],
  wanted: [{ row: LOOP_LONGER, column: LONGEST, valueAtMost: 5 }],
}

function speedOf({ bytes }: ArchiveScale): Question {
  const size = `${(bytes / 1024 ** 2).toPrecision(3)} MiB`
  return {
    title: 'archive: speed',
    about:
      `A file of ${size} of AUDIT lines, gzip at level 6; bytes of it, not of its archive. At ` +
      `50 MB/s it takes ${(bytes / 50e6).toPrecision(2)} s. Ours syncs the archive and the ` +
      'directory, and removes its source.',
    unit: 'MB/s',
    reference: BARE,
    wanted: { row: ALONE, ratioAtLeast: 0.9 },
  }
}

function addDelays(delays: GridSheet, workshop: Workshop): void {
  const made = workshop.run({ contender: 'rollkeeper', beside: 'trickle' })
  const waitMs = made.ms
  const without = workshop.run({ contender: 'rollkeeper', beside: 'trickle', waitMs })
  const nothing = workshop.run({ contender: 'idle', beside: 'nothing', waitMs })
  for (const [row, { p99Ms, longestMs }] of [
    [LOOP_WITH, made],
    [LOOP_WITHOUT, without],
    [LOOP_IDLE, nothing],
  ] as const) {
    delays.add(row, P99, p99Ms)
    delays.add(row, LONGEST, longestMs)
  }
  delays.add(LOOP_LONGER, P99, made.p99Ms - nothing.p99Ms)
  delays.add(LOOP_LONGER, LONGEST, made.longestMs - nothing.longestMs)
}

function newRows(...names: readonly string[]): Map<string, number[]> {
  return new Map(names.map(name => [name, []]))
}

/** Has the file to archive, and gives each child a directory of its own with a link to it. */
class Workshop {
  readonly #parent: string
  readonly #source: string
  readonly #linesFile: string
  readonly #text: Buffer
  /** Lines of the file to archive. */
  readonly lineCount: number
  /** Size of the first archive that was made. */
  #archiveBytes: number | undefined

  constructor(parent: string, bytes: number) {
    this.#parent = parent
    this.#source = join(parent, 'source')
    this.#linesFile = join(parent, 'lines')
    fs.writeFileSync(this.#linesFile, lines.join(''))
    const { text, lineCount } = auditText(bytes)
    this.#text = text
    this.lineCount = lineCount
    fs.writeFileSync(this.#source, text, { flush: true }) // no later sync waits for it
  }

  /** Lets a child work, and throws unless its files are right. */
  run(task: Task): Measured {
    const directory = join(this.#parent, 'log')
    const path = join(directory, 'audit.log')
    fs.mkdirSync(directory)
    try {
      const isMaking = task.waitMs === undefined
      const backup = join(directory, formatBackupName(path, new Date('2026-01-01')))
      if (isMaking) fs.linkSync(this.#source, backup)
      const { contender, beside, waitMs } = task
      const given = { path, linesFile: this.#linesFile, ...(isMaking ? { backup } : { waitMs }) }
      const measured = runChild(child, { contender, beside, ...given }) as Measured
      if (isMaking) this.#takeArchive(`${backup}.gz`)
      fs.rmSync(backup, { force: true }) // the bare loop leaves it
      assertLines(directory, measured.count ?? 0)
      return measured
    } finally {
      fs.rmSync(directory, { recursive: true, force: true })
    }
  }

  #takeArchive(archivePath: string): void {
    const archived = fs.readFileSync(archivePath)
    fs.unlinkSync(archivePath)
    assert.ok(gunzipSync(archived).equals(this.#text), `${archivePath} is not what was archived`)
    this.#archiveBytes ??= archived.length
    const part = archived.length / this.#archiveBytes
    assert.ok(Math.abs(part - 1) < SIZE_TOLERANCE, `${archivePath} is of another level`)
  }
}

/** Requests and their responses as they come: no two ids, times or paths the same. */
function auditText(bytes: number): { text: Buffer; lineCount: number } {
  const random = pseudoRandom()
  const pieces: string[] = []
  let time = 1_473_253_437_400_333_001n
  const later = (): bigint => (time += BigInt(random() % 1_000_000))
  for (let length = 0; length < bytes;) {
    const id = uuid(random)
    const number = random() % 100_000
    const namespace = `team-${number % 40}`
    const request = formatRequest({
      time: later(),
      id,
      ip: `10.0.${(number >> 8) & 0xff}.${number & 0xff}`,
      method: METHODS[random() % METHODS.length] ?? 'GET',
      user: `system:serviceaccount:${namespace}:worker-${number}`,
      namespace,
      uri: `/api/v1/namespaces/${namespace}/pods/worker-${number}?timeout=30s`,
    })
    const response = formatResponse({ time: later(), id, code: 200 })
    pieces.push(request, response)
    length += request.length + response.length
  }
  return { text: Buffer.from(pieces.join('')), lineCount: pieces.length }
}

const METHODS = ['GET', 'POST', 'PATCH', 'DELETE']

/** Numbers of 32 bits, the same in each run (Marsaglia, Xorshift RNGs, 2003). */
function pseudoRandom(): () => number {
  let state = 2_463_534_242
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
}

function uuid(random: () => number): string {
  const hex = Array.from({ length: 4 }, () => random().toString(16).padStart(8, '0')).join('')
  const [one, two, three, four, five] = [0, 8, 12, 16, 20].map((from, index, cuts) =>
    hex.slice(from, cuts[index + 1]),
  )
  return `${one}-${two}-4${three?.slice(1)}-a${four?.slice(1)}-${five}`
}
