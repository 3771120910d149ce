import { basename, dirname, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { FileAppender } from '../../lib/appender/file-appender.js'
import type { FileAppenderOptions } from '../../lib/appender/options.js'
import { archivePath, plainPath, type Backup } from '../../lib/backup/backup.js'
import { parseBackupName } from '../../lib/backup/backup-name.js'
import type { Disk } from '../../lib/platform/disk.js'
import type { RollkeeperError } from '../../lib/platform/rollkeeper-error.js'
import type { ForgetfulDisk, Moment } from '../support/forgetful-disk.js'
import { ManualClock } from '../support/manual-clock.js'
import { Snapshot } from '../support/power-loss.js'

/** The active file. Its directories are made by the log. */
export const PATH = '/var/log/app/audit.log'
/** Where it is. */
export const DIRECTORY = dirname(PATH)

/** What is promised at a moment. Records are told by their places in the order of their appends. */
export interface Books {
  /** So many records were taken. */
  readonly taken: number
  /** Records that have to be there after power loss. */
  readonly required: ReadonlySet<number>
  /** Records whose backup was on its way out: they need not be there. */
  readonly pruned: ReadonlySet<number>
  /** Backups that have to be held, by their paths before they were compressed. */
  readonly held: ReadonlySet<string>
}

/** A moment of a life at which the power may go. */
export interface Cut {
  readonly name: string
  readonly snapshot: Snapshot
  readonly books: Books
  readonly nowMs: number
}

/** Why backups are held, as it is on the disk. */
export const REASON = 'a reason\n'

const NO_BOOKS: Books = { taken: 0, required: new Set(), pruned: new Set(), held: new Set() }

/** Sizes of records, in turns: some share a piece of the disk with others, some take several. */
const SIZES = [30, 90, 700, 45, 26, 520, 60, 1700, 33]

/** The record at a place: no other is like it, whole or in part. */
function recordAt(place: number): string {
  const size = SIZES[place % SIZES.length] ?? 30
  const word = `${String(place).padStart(6, '0')}.`
  return `${word.repeat(Math.ceil(size / word.length)).slice(0, size - 1)}\n`
}

/** Places of the whole records in the content of a file, in their order. */
export function placesIn(content: Buffer): number[] {
  const places: number[] = []
  for (const line of content.toString('latin1').split('\n')) {
    const place = Number(line.slice(0, 6))
    if (Number.isInteger(place) && `${line}\n` === recordAt(place)) places.push(place)
  }
  return places
}

/**
 * A log from its opening to its end on a disk that may forget, with books of all that it promises,
 * and a list of the moments at which the power may go: before each call of the disk, while it is
 * under way, and after it. Moments between which nothing happened count once.
 */
export class LoggedLife {
  readonly disk: ForgetfulDisk
  readonly clock = new ManualClock()
  readonly log: FileAppender
  readonly cuts: Cut[] = []
  readonly recovered = { finished: 0, tornBytes: 0 }
  readonly troubles: RollkeeperError[] = []
  /** What was in the backups that prune has removed. */
  readonly removed: Buffer[] = []
  readonly #isListed: boolean
  readonly #isSynced: boolean
  readonly #firstPlace: number
  readonly #books: { taken: number } & Record<'required' | 'pruned', Set<number>> &
    Record<'held', Set<string>>
  /** When records were in the file at last. */
  readonly #writtenAtMs = new Map<number, number>()
  readonly #lastSyncAtMs: () => number
  #status: 'alive' | 'killed' = 'alive'
  #moments = 0
  /** Grows with each entry in the books. */
  #entries = 0
  #lastCut = ''

  /**
   * @param books what lives before it have promised on this disk. Default: nothing.
   * @param cuts whether moments are listed, which costs as much as all the rest.
   */
  constructor(
    disk: ForgetfulDisk,
    nowMs: number,
    options: Partial<FileAppenderOptions>,
    books: Books = NO_BOOKS,
    cuts: 'listed' | 'passed over' = 'listed',
  ) {
    this.#isListed = cuts === 'listed'
    const { taken, required, pruned, held } = books
    this.disk = disk
    this.clock.set(nowMs)
    this.#isSynced = options.durability === 'sync'
    this.#firstPlace = taken
    this.#books = {
      taken,
      required: new Set(required),
      pruned: new Set(pruned),
      held: new Set(held),
    }
    disk.clock = this.clock
    disk.watch = moment => this.#hear(moment)
    let log: FileAppender | undefined
    this.#lastSyncAtMs = () => log?.stats().lastSyncAt?.getTime() ?? -Infinity
    const platform = { disk: this.#mortal(disk), clock: this.clock }
    log = this.log = new FileAppender({ path: PATH, ...options }, platform)
    log.on('recover', ({ finished, tornBytes }) => {
      this.recovered.finished += finished
      this.recovered.tornBytes += tornBytes
    })
    log.on('warning', error => this.troubles.push(error))
    log.on('error', error => this.troubles.push(error))
  }

  /** What is promised now. */
  get books(): Books {
    const { taken, required, pruned, held } = this.#books
    return {
      taken,
      required: new Set(required),
      pruned: new Set(pruned),
      held: new Set(held),
    }
  }

  /** Appends records in one go. Resolved: all are acknowledged. */
  async append(count = 1): Promise<void> {
    this.clock.pass(1)
    const appended: Promise<void>[] = []
    for (; count > 0; count--) {
      const place = this.#books.taken++
      const done = this.log.append(recordAt(place)).then(() => {
        this.#writtenAtMs.set(place, this.clock.now())
        if (this.#isSynced) this.require([place])
      })
      appended.push(done)
    }
    await Promise.all(appended)
  }

  /** Resolved: all that was taken before is promised. */
  async sync(): Promise<void> {
    const { taken } = this.#books
    await this.log.sync()
    const places: number[] = []
    for (let place = this.#firstPlace; place < taken; place++) places.push(place)
    this.require(places)
  }

  /** Resolved: a backup of the log, newest first, is held for good. */
  async hold(index: number): Promise<void> {
    const backup = await this.#backupAt(index)
    await this.log.hold(backup, REASON.trim())
    this.#books.held.add(plainPath(backup))
    this.#entries++
  }

  /** Resolved: a backup of the log, newest first, is not held any more. */
  async release(index: number): Promise<void> {
    const backup = await this.#backupAt(index)
    this.#books.held.delete(plainPath(backup))
    this.#entries++
    await this.log.release(backup)
  }

  /** From now on these records have to be there after power loss. */
  require(places: Iterable<number>): void {
    for (const place of places) this.#books.required.add(place)
    this.#entries++
  }

  /** Kills the process: nothing that it does from now on has any effect. */
  kill(): void {
    this.#status = 'killed'
    this.disk.watch = undefined
    this.disk.closeAll()
  }

  /** Lets others go on for so many turns of the event loop. */
  async turns(count: number): Promise<void> {
    for (; count > 0; count--) await new Promise(setImmediate)
  }

  async #backupAt(index: number): Promise<Backup> {
    const backup = (await this.log.backups())[index]
    if (!backup) throw new Error(`there is no backup ${index}`)
    return backup
  }

  #hear({ call, path = '', when }: Moment): void {
    this.#moments++
    this.#readLastSync()
    if (call === 'remove' && when === 'before') this.#noteRemoval(path)
    if (!this.#isListed) return
    const state = `${this.disk.version} ${this.#entries}`
    if (state === this.#lastCut) return
    this.#lastCut = state
    this.cuts.push({
      name: `${this.#moments}, ${when} ${call} ${basename(path)}`.trimEnd(),
      snapshot: new Snapshot(this.disk),
      books: this.books,
      nowMs: this.clock.now(),
    })
  }

  /** What was written before this time is on stable storage, the appender says. */
  #readLastSync(): void {
    const lastSyncAtMs = this.#lastSyncAtMs()
    for (const [place, writtenAtMs] of this.#writtenAtMs) {
      if (writtenAtMs >= lastSyncAtMs) continue
      this.#writtenAtMs.delete(place)
      if (!this.#books.required.has(place)) this.require([place])
    }
  }

  /** Prune is about to remove a file; an archive that takes its source's place is no loss. */
  #noteRemoval(path: string): void {
    const parsed = parseBackupName(PATH, basename(path))
    if (!parsed || dirname(path) !== DIRECTORY) return
    const file = { path, archived: parsed.archived }
    const other = parsed.archived ? plainPath(file) : archivePath(file)
    const content = readFile(this.disk, path)
    if (this.disk.inode(other) !== undefined || !content) return
    if (this.#books.held.has(plainPath(file))) throw new Error(`${path} is held, and removed`)
    for (const place of placesIn(content)) this.#books.pruned.add(place)
    this.removed.push(Buffer.from(content))
    this.#entries++
  }

  /** The disk as the process sees it, until it is killed. */
  #mortal(disk: ForgetfulDisk): Disk {
    const never = new Promise<never>(() => undefined)
    const unlessKilled = <Result>(result: Result): Result | Promise<never> =>
      this.#status === 'killed' ? never : result
    return new Proxy<Disk>(disk, {
      get: (target, name: keyof Disk) => {
        const call = target[name] as (...args: unknown[]) => unknown
        return (...args: unknown[]) => {
          if (this.#status === 'killed') throw new Error('killed')
          const result = call.apply(target, args)
          return result instanceof Promise ? result.then(unlessKilled) : result
        }
      },
    })
  }
}

/** What a file holds, unpacked; undefined where there is none, or no whole archive. */
export function readFile(disk: ForgetfulDisk, path: string): Buffer | undefined {
  const content = disk.peek(path)
  if (!content || !path.endsWith('.gz')) return content
  try {
    return gunzipSync(content)
  } catch {
    return undefined
  }
}

/** A path in the log's directory. */
export function at(name: string): string {
  return join(DIRECTORY, name)
}
