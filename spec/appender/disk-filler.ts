/**
 * A program that writes more records than its disk has room for, never waits, and then either waits
 * for room or gives up. What it has to say is JSON, a line each.
 */
import { writeSync } from 'node:fs'
import { FileAppender } from '../../lib/appender/file-appender.js'
import type { FileAppenderOptions } from '../../lib/appender/options.js'
import { auditGapRecord } from '../../lib/audit/audit-line.js'

/** What the program is to do. */
export interface Filling {
  readonly options: FileAppenderOptions
  readonly count: number
  readonly listens: boolean
  readonly audit?: boolean
  /** Every so many records one is appended, not written. Default: none. */
  readonly appendEvery?: number
  readonly end: 'waits for room' | 'closes'
}

/** What it says when it ends. */
export interface Filled {
  readonly dropped: number
  readonly pendingBytes: number
  /** Records that were refused to their caller. */
  readonly refused: number
  /** By the events. */
  readonly gapRecords: number
  readonly warnings: readonly string[]
  readonly closed: string
  readonly appended: Readonly<Record<string, number>>
}

const say = (what: object): void => void writeSync(1, `${JSON.stringify(what)}\n`)

const {
  options,
  count,
  listens,
  audit,
  appendEvery = Infinity,
  end,
} = JSON.parse(process.argv[2] ?? '') as Filling
const log = new FileAppender({ ...options, ...(audit ? { gapRecord: auditGapRecord } : {}) })
const warnings: string[] = []
let gapRecords = 0
if (listens) {
  log.on('warning', ({ code }) => warnings.push(code))
  log.on('gap', ({ records }) => (gapRecords += records))
}

const nextTurn = () => new Promise(setImmediate)
const codeOf = (error: { code: string }): string => error.code
const appended: Promise<string>[] = []
let refused = 0
for (let i = 0; i < count; i++) {
  const record = `${`${i} `.padEnd(999, 'x')}\n`
  try {
    if (i % appendEvery === 1) appended.push(log.append(record).then(() => 'kept', codeOf))
    else log.write(record)
  } catch (error) {
    if (codeOf(error as { code: string }) !== 'ERR_ROLLKEEPER_FULL') throw error
    refused++
  }
  if (i % 10 === 0) await nextTurn()
}
say({ full: log.stats().pendingBytes > 0 })
if (end === 'waits for room') {
  await log.flush()
  log.write('after\n')
}
const closed = await log.close().then(() => 'well', codeOf)
await nextTurn()
const fates: Record<string, number> = {}
for (const fate of await Promise.all(appended)) fates[fate] = (fates[fate] ?? 0) + 1
const { dropped, pendingBytes } = log.stats()
say({ dropped, pendingBytes, refused, gapRecords, warnings, closed, appended: fates })
