import type { Backup } from '../../lib/backup/backup.js'
import { RollkeeperError, systemCode } from '../../lib/platform/rollkeeper-error.js'
import type { AuditRecord } from '../../lib/appender/write-queue.js'

/** What came of a record: unknown is one that was taken, and nobody was told more of it. */
export type Fate = 'unknown' | 'acknowledged' | 'rejected'

/** A record that was handed to an appender. */
export interface Entry {
  readonly number: number
  readonly fate: Fate
  /** Of the rejection. */
  readonly code?: string
}

/** Numbers of records, from the first to the last, both in it. */
export type NumberRange = readonly [first: number, last: number]

/** What a log held before the ledger began: records from 1 on. */
export interface Prepared {
  /** Records 1 to this one count as acknowledged long ago. Default: 0. */
  readonly acknowledged?: number
  /** So many more were under way then; each of them may be there once, whole or torn. */
  readonly unknown?: number
  /** Backups that a retention may take: of each, all the records go, or none. */
  readonly prunable?: readonly NumberRange[]
  /** Backups that the retention keeps, if there were ever so many. */
  readonly backupsMin?: number
  /** Names of backups that are held. */
  readonly held?: readonly string[]
}

/** Something that a ledger was told, as it is printed by a program that may be killed any moment. */
export type LedgerEvent =
  | { readonly what: 'taken' | 'excused'; readonly number: number }
  /** By the promise of `append`; by that of `flush`, after a `write`. */
  | { readonly what: 'acknowledged' | 'flushed'; readonly number: number }
  | { readonly what: 'rejected'; readonly number: number; readonly code: string }
  | { readonly what: 'gap'; readonly records: number }
  | { readonly what: 'reported' | 'defect'; readonly code: string }
  | { readonly what: 'held' | 'released'; readonly name: string }
  /** The process came to its end, and had told all; or somebody saw it killed. */
  | { readonly what: 'ended' | 'killed' }

/** What a ledger needs of an appender to hand it records. */
export interface Appendable {
  append(record: AuditRecord): Promise<void>
  write(record: AuditRecord): boolean
  flush(): Promise<void>
  stats(): { readonly dropped: number }
}

/** What a ledger listens to. */
export interface Observable {
  on(event: 'warning' | 'error', listener: (error: RollkeeperError) => void): unknown
  on(event: 'gap', listener: (gap: { readonly records: number }) => void): unknown
}

/** Lengths of records, in bytes, in turn. Most are short, and one is longer than `MAX_SIZE`. */
const LENGTHS = [24, 61, 130, 40, 300, 75, 1500, 33, 220, 90, 28]

/** The `maxSize` that the lengths of records go with. */
export const MAX_SIZE = 1000

const LINE_END = 0x0a

/**
 * The record of a number: always the same, and like no other one from its first bytes on. Some are
 * text, some not ASCII, some bytes that are no text at all.
 */
export function recordOf(number: number): AuditRecord {
  const bytes = bytesOf(number)
  return number % 4 === 1 ? Uint8Array.from(bytes) : bytes.toString('utf8')
}

/** The same as it is in the file, its line end with it. */
export function bytesOf(number: number): Buffer {
  const head = Buffer.from(`r${number} `)
  const length = LENGTHS[number % LENGTHS.length] ?? 24
  const body = number % 4 === 1 ? anyBytes(number, length) : Buffer.from(text(number, length))
  return Buffer.concat([head, body, Buffer.of(LINE_END)])
}

/** The records of numbers, one after the other. */
export function bytesOfRange([first, last]: NumberRange): Buffer {
  const numbers = Array.from({ length: last - first + 1 }, (_, index) => first + index)
  return Buffer.concat(numbers.map(bytesOf))
}

/** The number of a line that is a whole record, without its line end; else undefined. */
export function numberOf(line: Buffer): number | undefined {
  const number = headOf(line)
  if (number === undefined) return undefined
  return line.equals(bytesOf(number).subarray(0, -1)) ? number : undefined
}

/** Whether a line is the beginning of one of the records up to a number, cut anywhere. */
export function isPiece(line: Buffer, last: number): boolean {
  const isOf = (number: number): boolean =>
    number >= 1 && number <= last && bytesOf(number).subarray(0, line.length).equals(line)
  const number = headOf(line)
  if (number !== undefined) return isOf(number)
  if (line.length === 0) return true
  // Cut within its number, or right after it.
  return Array.from({ length: last }, (_, index) => index + 1).some(isOf)
}

/** One event on a line of its own. */
export function formatEvent(event: LedgerEvent): string {
  return `${JSON.stringify(event)}\n`
}

/**
 * What was handed to an appender, and what came of it: the one witness against which a directory is
 * checked. It numbers the records, hands them over, and is told by promises and events.
 *
 * Whoever is going to be killed prints each event at once (`report`, `formatEvent`, `writeSync`);
 * `Ledger.read` makes the same ledger of it again.
 */
export class Ledger {
  readonly prepared: Prepared
  readonly #report: (event: LedgerEvent) => void
  readonly #entries: { number: number; fate: Fate; code?: string }[] = []
  /** Written, not appended: only `flush` tells what comes of them. */
  readonly #written = new Set<number>()
  readonly #excused = new Set<number>()
  readonly #codes = new Set<string>()
  readonly #defects: string[] = []
  readonly #held: Set<string>
  #gapRecords = 0
  #killedUpTo = 0
  #status: 'open' | 'ended' = 'open'

  /** @param report is told of each event, before anything else happens. */
  constructor(prepared: Prepared = {}, report: (event: LedgerEvent) => void = () => undefined) {
    this.prepared = prepared
    this.#report = report
    this.#held = new Set(prepared.held)
    const { acknowledged = 0, unknown = 0 } = prepared
    for (let number = 1; number <= acknowledged + unknown; number++) {
      const fate = number <= acknowledged ? 'acknowledged' : 'unknown'
      this.#entries.push({ number, fate })
    }
  }

  /** The ledger of a program that is gone, from what it printed; half a line at the end is none. */
  static read(printed: string, prepared: Prepared = {}): Ledger {
    const ledger = new Ledger(prepared)
    const lines = printed.split('\n').slice(0, -1)
    for (const line of lines) ledger.#note(JSON.parse(line))
    return ledger
  }

  /** All records, in the order in which they were handed over. */
  get entries(): readonly Entry[] {
    return this.#entries
  }

  /** Records that went with a file that somebody deleted. */
  get excused(): ReadonlySet<number> {
    return this.#excused
  }

  /** Codes of all errors that anybody was told. */
  get codes(): ReadonlySet<string> {
    return this.#codes
  }

  /** Errors that no user should ever see: not ours, or the system's where it should be ours. */
  get defects(): readonly string[] {
    return this.#defects
  }

  /** Names of backups that are held, and were not released. */
  get held(): ReadonlySet<string> {
    return this.#held
  }

  /** Records that `gap` events told of. */
  get gapRecords(): number {
    return this.#gapRecords
  }

  /** The last record of a process that was killed: nobody could tell of those up to it. */
  get killedUpTo(): number {
    return this.#killedUpTo
  }

  /** Whether the log was closed, or never opened: all that it had to say is said. */
  get hasEnded(): boolean {
    return this.#status === 'ended'
  }

  /** Appends the next record. Resolved when that is settled, however it is. */
  append(log: Appendable): Promise<void> {
    const number = this.#take()
    return log.append(recordOf(number)).then(
      () => this.#tell({ what: 'acknowledged', number }),
      error => this.#reject(number, error),
    )
  }

  /** Writes the next record. Nobody tells what comes of it, but for `flush`. */
  write(log: Appendable): void {
    const number = this.#take()
    try {
      log.write(recordOf(number))
      this.#written.add(number)
    } catch (error) {
      this.#reject(number, error)
    }
  }

  /** Flushes: acknowledges all that was taken before, unless some was dropped. Never rejected. */
  flush(log: Appendable): Promise<void> {
    const before = [...this.#written]
    return log.flush().then(
      () => {
        if (log.stats().dropped > 0) return
        for (const number of before) {
          if (this.#written.delete(number)) this.#tell({ what: 'flushed', number })
        }
      },
      (error: unknown) => this.failed(error),
    )
  }

  /** Listens to what an appender reports. */
  watch(log: Observable): void {
    log.on('warning', error => this.failed(error))
    log.on('error', error => this.failed(error))
    log.on('gap', ({ records }) => this.#tell({ what: 'gap', records }))
  }

  /**
   * Waits for something that may fail; returns what it gives, or undefined. Never rejected.
   *
   * @param whose errors it may give: `'the system'` for what is documented so.
   */
  async attempt<Value>(
    work: Promise<Value>,
    whose: 'ours' | 'the system' = 'ours',
  ): Promise<Value | undefined> {
    try {
      return await work
    } catch (error) {
      this.failed(error, whose)
      return undefined
    }
  }

  /** Somebody was told of an error. */
  failed(error: unknown, whose: 'ours' | 'the system' = 'ours'): void {
    const code = codeOf(error)
    const isRight = error instanceof RollkeeperError || whose === 'the system'
    if (code !== undefined) this.#tell({ what: 'reported', code })
    if (code !== undefined && isRight) return
    this.#tell({ what: 'defect', code: placeOf(error) })
  }

  /** Somebody deletes a file with such bytes: the records in it may be gone now. */
  excuse(bytes: Buffer): void {
    for (const line of linesOf(bytes)) {
      const number = numberOf(line)
      if (number !== undefined) this.#tell({ what: 'excused', number })
    }
  }

  /** A backup is held from now on: it was acknowledged. */
  hold({ name }: Backup): void {
    this.#tell({ what: 'held', name: plainName(name) })
  }

  /** A backup is perhaps not held any more: somebody is about to release it. */
  release({ name }: Backup): void {
    this.#tell({ what: 'released', name: plainName(name) })
  }

  /** The log is closed, and has told of all there was to tell. */
  end(): void {
    this.#tell({ what: 'ended' })
  }

  #take(): number {
    const number = this.#entries.length + 1
    this.#tell({ what: 'taken', number })
    return number
  }

  #reject(number: number, error: unknown): void {
    this.failed(error)
    this.#tell({ what: 'rejected', number, code: codeOf(error) ?? 'none' })
  }

  #tell(event: LedgerEvent): void {
    this.#report(event)
    this.#note(event)
  }

  #note(event: LedgerEvent): void {
    switch (event.what) {
      case 'taken':
        this.#entries.push({ number: event.number, fate: 'unknown' })
        this.#status = 'open' // again, after a restart
        break
      case 'acknowledged':
      case 'flushed':
        this.#settle(event.number, 'acknowledged')
        break
      case 'rejected':
        this.#settle(event.number, 'rejected', event.code)
        break
      case 'excused':
        this.#excused.add(event.number)
        break
      case 'gap':
        this.#gapRecords += event.records
        break
      case 'reported':
        this.#codes.add(event.code)
        break
      case 'defect':
        this.#defects.push(event.code)
        break
      case 'held':
        this.#held.add(event.name)
        break
      case 'released':
        this.#held.delete(event.name)
        break
      case 'killed':
        this.#killedUpTo = this.#entries.length
        this.#status = 'open'
        break
      case 'ended':
        this.#status = 'ended'
        break
    }
  }

  #settle(number: number, fate: Fate, code?: string): void {
    const entry = this.#entries[number - 1]
    if (entry?.fate !== 'unknown') {
      this.#defects.push(`record ${number} was settled twice: ${entry?.fate}, then ${fate}`)
      return
    }
    entry.fate = fate
    if (code !== undefined) entry.code = code
  }
}

/** Lines of a file, without their ends; a last one that has no end is one too. */
export function linesOf(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = []
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf(LINE_END, at)
    const to = end === -1 ? bytes.length : end
    lines.push(bytes.subarray(at, to))
    at = to + 1
  }
  return lines
}

/** An error, and where in the library it came from. */
function placeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const place = error.stack?.split('\n').find(line => /[\\/](?:lib|dist)[\\/]/.test(line))
  return `${String(error)} ${place?.trim() ?? ''}`
}

function codeOf(error: unknown): string | undefined {
  return error instanceof RollkeeperError ? error.code : systemCode(error)
}

function plainName(name: string): string {
  return name.endsWith('.gz') ? name.slice(0, -'.gz'.length) : name
}

function headOf(line: Buffer): number | undefined {
  const head = /^r([1-9]\d*) /.exec(line.toString('latin1', 0, 12))
  return head ? Number(head[1]) : undefined
}

/** Letters that say which record they are of, wherever one looks; from a generator of numbers. */
function text(number: number, length: number): string {
  const letters = number % 3 === 0 ? 'aäß€𝄞xyz' : 'abcdefgh'
  const all = Array.from(letters)
  const next = randomNumbers(number)
  let made = ''
  for (let bytes = 0; bytes < length;) {
    const letter = all[next() % all.length] ?? 'a'
    made += letter
    bytes += Buffer.byteLength(letter)
  }
  return made
}

function anyBytes(number: number, length: number): Buffer {
  const next = randomNumbers(number)
  return Buffer.from(Array.from({ length }, () => next() % 256).map(b => (b === LINE_END ? 0 : b)))
}

/** Always the same ones for the same seed (Lehmer's generator, with Park and Miller's numbers). */
function randomNumbers(seed: number): () => number {
  let state = (seed * 7919) % 2147483647 || 1
  return () => {
    state = (state * 48271) % 2147483647
    return state >> 8
  }
}
