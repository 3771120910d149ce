import { archivePath, type Backup } from '../backup/backup.js'
import type { Cancel } from '../platform/clock.js'
import type { FileStatus } from '../platform/disk.js'
import type { Platform } from '../platform/platform.js'
import { reasonOf, RollkeeperError, systemCode } from '../platform/rollkeeper-error.js'
import { TimeSlice } from '../platform/time-slice.js'
import { DirectoryError, makeArchive, removeTemporary, temporaryPath } from './archive-file.js'
import type { BackgroundStep } from './background-steps.js'
import { looksLikeGzip } from './gzip-copy.js'

/** Whom an archive tells what it did. */
export interface ArchiveOwner {
  /** A backup was compressed: what it is now. */
  archived(archive: Backup): void
  warn(error: RollkeeperError): void
  /** A backup that failed may be tried again: the moment for the next pass. */
  due(): void
  /** Whether the rotation of this file has not ended yet: its private name is still there. */
  isBusy(file: FileStatus): boolean
}

/** What a run has to do. */
interface Work {
  /** Backups to compress, in the order in which they are tried. */
  readonly backups: readonly Backup[]
  /** How many of them did not fail before. */
  readonly fresh: number
  /** Archives that nobody has looked into yet. */
  readonly unseen: readonly Backup[]
}

/** The backup that is being compressed. */
interface Job {
  readonly archive: string
  readonly abort: AbortController
  /** Never rejected. */
  readonly ended: Promise<unknown>
}

/**
 * What came of a backup: one that was passed over costs nothing; after one that was stopped by a
 * lack the rest of the run is stopped too.
 */
type Outcome = 'tried' | 'passed over' | 'stopped'

/** Compressed in one run: about a second of work at zlib's own level. */
const RUN_BYTES = 64 * 1024 * 1024

/** What the smallest backup counts for: its syncs take as long as compressing this much. */
const BACKUP_MIN_BYTES = 256 * 1024

/** A backup that failed is tried again after this long. */
const TRY_AGAIN_MS = 60_000

/** Lacks that are no backup's fault (errno(3)): the next one would fail as this one did. */
const LACKS: ReadonlySet<string | undefined> = new Set([
  'ENOSPC',
  'EDQUOT',
  'EROFS',
  'EMFILE',
  'ENFILE',
  'ENOMEM',
])

/** Under which name is kept what was warned of that is no backup's fault. */
const ALL = ''

/**
 * The background step that compresses backups, one at a time and newest first. `archive-file.ts`
 * tells how, and why a crash at any point loses nothing.
 *
 * One that fails is a warning, once for each reason, and stays as it is; the others go before it in
 * the next runs. Of archives that are there already it looks once whether each is one.
 */
export class Archive implements BackgroundStep {
  readonly name = 'archive'
  readonly #platform: Platform
  readonly #level: number
  readonly #owner: ArchiveOwner
  #status: 'ready' | 'stopped' = 'ready'
  #nextTry: Cancel | undefined
  #run: AbortController | undefined
  #job: Job | undefined
  /** No archive begins while a temporary file goes: it might be the one that it makes. */
  #tidied: Promise<unknown> = Promise.resolve()
  /** Names of backups that failed, the one tried last at the end. */
  readonly #failed = new Set<string>()
  /** Reasons that were warned of, by the name that they are about. */
  readonly #warned = new Map<string, Set<string>>()
  /** Names of archives that were looked into. */
  #seen = new Set<string>()
  /** Archives, made or not, of backups that were abandoned since this run began. */
  #abandoned = new Set<string>()
  /** The same, of the time before: a list of backups may be older than that. */
  #abandonedBefore: ReadonlySet<string> = new Set()

  /** @param level of gzip: 1, quick, to 9, small. */
  constructor(platform: Platform, level: number, owner: ArchiveOwner) {
    this.#platform = platform
    this.#level = level
    this.#owner = owner
  }

  /**
   * Compresses what is not compressed.
   *
   * @param backups newest first.
   * @returns `'more'` when it stopped after about a second, at least one backup, and the next run
   *   goes on at once; `'done'` also when all that is left has to wait.
   */
  async run(backups: readonly Backup[]): Promise<'done' | 'more'> {
    this.#nextTry?.()
    this.#abandonedBefore = this.#abandoned
    this.#abandoned = new Set()
    const run = (this.#run = new AbortController())
    try {
      return await this.#work(await this.#plan(backups), run.signal)
    } finally {
      this.#run = undefined
    }
  }

  /**
   * Somebody is about to remove this backup. Resolved: it is not at work on it, before the next
   * run, and its temporary file is gone; its archive may be there, beside it or instead of it.
   */
  async abandon(backup: Backup): Promise<void> {
    const archive = archivePath(backup)
    this.#abandoned.add(archive)
    if (this.#job?.archive !== archive) return
    this.#job.abort.abort()
    await this.#job.ended
  }

  /** Ends a run because the room is needed. Resolved: its temporary file is gone. */
  async interrupt(): Promise<void> {
    this.#run?.abort()
    this.#job?.abort.abort()
    await this.#job?.ended
  }

  /**
   * Removes what a crash left of archives in the making. Resolved: they are gone, but for those
   * that are a warning.
   *
   * @param temporaries absolute paths. The one that is being made now is passed over, and so is
   *   what is neither a file nor a link.
   */
  tidy(temporaries: readonly string[]): Promise<void> {
    const tidied = this.#tidied.then(() => this.#tidy(temporaries))
    this.#tidied = tidied.catch(() => undefined)
    return tidied
  }

  /** Stops its timer, for good. */
  stop(): void {
    this.#status = 'stopped'
    this.#nextTry?.()
  }

  async #tidy(temporaries: readonly string[]): Promise<void> {
    const slice = new TimeSlice()
    for (const path of temporaries) {
      if (slice.isOver) await slice.next()
      if (this.#job && path === temporaryPath(this.#job.archive)) continue
      try {
        await removeTemporary(this.#platform.disk, path)
        this.#warned.delete(path)
      } catch (error) {
        this.#warnLeftBehind(path, error)
      }
    }
  }

  /** Sorts out what there is to do, and forgets what is gone. */
  async #plan(backups: readonly Backup[]): Promise<Work> {
    const slice = new TimeSlice()
    const plain = new Map<string, Backup>()
    const fresh: Backup[] = []
    const unseen: Backup[] = []
    const seen = new Set<string>()
    for (const backup of backups) {
      if (slice.isOver) await slice.next()
      const { name } = backup
      if (!backup.archived) {
        plain.set(name, backup)
        if (!this.#failed.has(name)) fresh.push(backup)
      } else if (this.#seen.has(name)) seen.add(name)
      else unseen.push(backup)
    }
    for (const name of this.#warned.keys()) {
      if (this.#seen.has(name) && !seen.has(name)) this.#warned.delete(name)
    }
    this.#seen = seen
    const again: Backup[] = []
    for (const name of this.#failed) {
      const backup = plain.get(name)
      if (backup) again.push(backup)
      else this.#forget(name)
    }
    return { backups: [...fresh, ...again], fresh: fresh.length, unseen }
  }

  async #work({ backups, fresh, unseen }: Work, signal: AbortSignal): Promise<'done' | 'more'> {
    let leftBytes = RUN_BYTES
    for (const [index, backup] of backups.entries()) {
      await this.#tidied
      if (signal.aborted) break
      if (leftBytes <= 0 && index < fresh) return 'more'
      if (leftBytes <= 0) break
      const outcome = await this.#archive(backup)
      if (outcome === 'stopped') break
      if (outcome === 'tried') leftBytes -= Math.max(backup.bytes, BACKUP_MIN_BYTES)
    }
    if (signal.aborted) this.#tryLater()
    else await this.#look(unseen)
    return 'done'
  }

  async #archive(backup: Backup): Promise<Outcome> {
    const archive = archivePath(backup)
    if (this.#abandoned.has(archive)) return this.#passOver()
    const abort = new AbortController()
    const order = {
      backup,
      level: this.#level,
      signal: abort.signal,
      isAbandoned: () => this.#abandoned.has(archive),
      isBusy: (file: FileStatus) => this.#owner.isBusy(file),
      leftBehind: (path: string, cause: unknown) => this.#warnLeftBehind(path, cause),
    }
    const making = Promise.resolve().then(() => makeArchive(this.#platform.disk, order))
    this.#job = { archive, abort, ended: making.catch(() => undefined) }
    let made: Backup | 'busy'
    try {
      made = await making
    } catch (error) {
      return abort.signal.aborted ? this.#passOver() : this.#fail(backup, error)
    } finally {
      this.#job = undefined
    }
    if (made === 'busy') return this.#passOver()
    this.#forget(backup.name)
    this.#warned.delete(ALL)
    this.#seen.add(made.name)
    this.#owner.archived(made)
    return 'tried'
  }

  #passOver(): Outcome {
    this.#tryLater()
    return 'passed over'
  }

  #fail(backup: Backup, error: unknown): Outcome {
    const { name, path } = backup
    if (!this.#stands(path)) {
      const isExpected = this.#abandonedBefore.has(archivePath(backup))
      if (!isExpected) this.#warn(name, `${path} vanished before it was archived`, path, error)
      this.#forget(name)
      return 'tried'
    }
    this.#failed.delete(name)
    this.#failed.add(name)
    this.#tryLater()
    const isLack = error instanceof DirectoryError || LACKS.has(systemCode(error))
    const cause = error instanceof DirectoryError ? error.cause : error
    const why = reasonOf(cause)
    const message = `cannot archive ${path} (${why}); it stays as it is, and is tried again`
    this.#warn(isLack ? ALL : name, message, path, cause)
    return isLack ? 'stopped' : 'tried'
  }

  /** Where the system does not tell, nobody can say that it is gone. */
  #stands(path: string): boolean {
    try {
      return this.#platform.disk.lstat(path) !== undefined
    } catch {
      return true
    }
  }

  /** Looks into archives that nobody has looked into: once, because there may be very many. */
  async #look(archives: readonly Backup[]): Promise<void> {
    const slice = new TimeSlice()
    for (const { name, path } of archives) {
      if (slice.isOver) await slice.next()
      try {
        const isGzip = looksLikeGzip(this.#platform.disk, path)
        this.#seen.add(name)
        if (!isGzip) this.#warn(name, `${path} is no gzip file, whatever its name says`, path)
      } catch (cause) {
        const code = systemCode(cause)
        if (code === 'ENOENT') continue
        const isLack = LACKS.has(code)
        const message = `cannot look into ${path} (${reasonOf(cause)}); it stays as it is`
        this.#warn(isLack ? ALL : name, message, path, cause)
        if (isLack) return this.#tryLater()
        this.#seen.add(name)
      }
    }
  }

  #warnLeftBehind(path: string, cause: unknown): void {
    const message = `cannot remove ${path} (${reasonOf(cause)}), which is of no use any more`
    this.#warn(path, message, path, cause)
  }

  /** Once for each reason, until what it is about succeeds or is gone. */
  #warn(about: string, message: string, path: string, cause?: unknown): void {
    const reasons = this.#warned.get(about) ?? new Set()
    const reason = cause === undefined ? message : reasonOf(cause)
    if (reasons.has(reason)) return
    this.#warned.set(about, reasons.add(reason))
    const of = cause === undefined ? { path } : { path, cause }
    this.#owner.warn(new RollkeeperError('ERR_ROLLKEEPER_ARCHIVE', message, of))
  }

  #forget(name: string): void {
    this.#failed.delete(name)
    this.#warned.delete(name)
  }

  #tryLater(): void {
    if (this.#status === 'stopped') return
    this.#nextTry?.()
    this.#nextTry = this.#platform.clock.after(TRY_AGAIN_MS, () => this.#owner.due())
  }
}
