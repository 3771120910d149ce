import { dirname } from 'node:path'
import type { Backup } from '../backup/backup.js'
import { sameFile, type FileStatus } from '../platform/disk.js'
import type { Platform } from '../platform/platform.js'
import { reasonOf, RollkeeperError, systemCode } from '../platform/rollkeeper-error.js'
import { Deferred } from './deferred.js'
import type { OpenFile } from './open-file.js'

/** What a commit asks of its owner, and tells it. */
export interface CommitOwner {
  /** The file that is being written at this moment. */
  activeFile(): OpenFile
  /** The names that the rotation of this file gave are on stable storage, and so is the file. */
  namesSynced(rotated: FileStatus): void
  /** A sync failed; what waited for it is rejected already. */
  syncFailed(error: RollkeeperError): void
}

/** A file that is no longer written, on its way to stable storage. */
interface Retired {
  readonly file: OpenFile
  /** What it became, where it was rotated. */
  readonly backup: Backup | undefined
  /** Closed before its sync: opened again by name. */
  closed: boolean
}

/** Backups that wait for their sync with their descriptors open; past it the oldest close early. */
const RETIRED_OPEN_MAX = 16

/**
 * Brings written records to stable storage: one fdatasync for all who wait, one after the other,
 * in the thread pool. Who comes while one is under way waits for the next.
 *
 * A round syncs the files that are unsynced when it begins: those that are no longer written, the
 * active one, then the directories that name them; that order survives power loss. A descriptor
 * closes only after its sync has returned. A failed sync of a file is never tried again: the kernel
 * may have dropped the pages it could not write, and the second try would succeed without them
 * (https://www.usenix.org/conference/atc20/presentation/rebello). What else the round has to sync is
 * synced all the same, but nobody who waits for it hears that all is well.
 */
export class GroupCommit {
  readonly #platform: Platform
  readonly #owner: CommitOwner
  readonly #mayCloseEarly: boolean
  readonly #directories = new Set<string>()
  #waiting: Deferred[] = []
  /** Somebody wants a round for its own sake, whatever comes of it. */
  #behind: Deferred | undefined
  #retired: Retired[] = []
  #lastRotated: FileStatus | undefined
  /** The rotated file of which the owner was told last. */
  #toldRotated: FileStatus | undefined
  /** The active file of the round that is under way; it stays open until the round is over. */
  #syncing: OpenFile | undefined
  /** The failure of a round that nobody waited for: the next who asks is told. */
  #untold: RollkeeperError | undefined
  #running: Promise<void> | undefined
  #lastSyncAt: Date | undefined
  /** The active file of the last round that had one, and how much of it had its sync then. */
  #covered: { readonly file: OpenFile; readonly bytes: number } | undefined

  /**
   * @param mayCloseEarly whether many retired files may wait by name instead of by descriptor: not
   *   where acknowledgements depend on their syncs, as a descriptor misses no error.
   */
  constructor(platform: Platform, owner: CommitOwner, mayCloseEarly: boolean) {
    this.#platform = platform
    this.#owner = owner
    this.#mayCloseEarly = mayCloseEarly
  }

  /** Everything written before this is on stable storage, but for what a failed sync has cost. */
  get lastSyncAt(): Date | undefined {
    return this.#lastSyncAt
  }

  /** Whether something that was written needs a sync, and no failed one has settled its fate. */
  get isBehind(): boolean {
    return this.#directories.size > 0 || !this.#isCovered(this.#owner.activeFile())
  }

  /** Whether no round is under way, and none is waiting. */
  get isIdle(): boolean {
    return this.#running === undefined
  }

  /**
   * Resolved: all that was written before the call is on stable storage, and found there by name.
   * Rejected: RollkeeperError `ERR_ROLLKEEPER_SYNC`, also when the sync of an earlier file failed
   * of which nobody was told yet.
   */
  commit(): Promise<void> {
    const waiting = new Deferred()
    this.settleWhenSynced(waiting)
    return waiting.promise
  }

  /** Settles a promise that others have already as that of `commit`. */
  settleWhenSynced(waiting: Deferred): void {
    this.#waiting.push(waiting)
    this.#start()
  }

  /**
   * Syncs for nobody in particular. Resolved: all that was written before the call had its sync. It
   * is never rejected: a failure is told to the owner, and to the next who asks by `commit`. Calls
   * while the disk is slow share one round, so they never pile up.
   */
  commitBehind(): Promise<void> {
    const { promise } = (this.#behind ??= new Deferred())
    this.#start()
    return promise
  }

  /**
   * The next round covers the entries of a file that is written from now on: also where it was found,
   * because whoever made it may have been killed before they were synced.
   */
  made(file: Pick<OpenFile, 'path' | 'changedDirectories'>): void {
    this.#directories.add(dirname(file.path))
    for (const directory of file.changedDirectories) this.#directories.add(directory)
  }

  /**
   * Takes over a file that is no longer written: syncs it behind, closes it.
   *
   * @param backup what it became, if it was rotated.
   */
  retire(file: OpenFile, backup: Backup | undefined): void {
    this.#retired.push({ file, backup, closed: false })
    this.#directories.add(dirname(file.path))
    const active = this.#owner.activeFile()
    if (sameFile(active.status, file.status)) active.syncFailedAtBytes = file.syncFailedAtBytes
    if (backup) this.#lastRotated = file.status
    if (this.#mayCloseEarly) this.#closeOldest()
    this.#start()
  }

  /** Resolved: no round is under way, and none is waiting. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running
  }

  #start(): void {
    // Not at once: what else this turn has to sync goes into the same round.
    this.#running ??= Promise.resolve().then(() => this.#run())
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0 || this.#behind || this.#retired.length > 0) {
      const waiting = this.#waiting
      const behind = this.#behind
      this.#waiting = []
      this.#behind = undefined
      const beganAtMs = this.#platform.clock.now()
      const active = this.#owner.activeFile()
      const isNeeded = waiting.length > 0 || (behind !== undefined && !this.#isCovered(active))
      try {
        await this.#round(isNeeded ? active : undefined)
        if (waiting.length > 0 || behind) this.#lastSyncAt = new Date(beganAtMs)
        this.#acknowledge(waiting)
      } catch (cause) {
        this.#fail(waiting, cause)
      }
      behind?.resolve()
      // Who is acknowledged now will append again: without a pause two crowds would take turns.
      if (waiting.length > 0 && this.#waiting.length > 0) await endOfTurn()
    }
    this.#running = undefined // in one go with the last look at what waits
  }

  /** All files of a round are chosen before its first wait: those that hold what waits for it. */
  async #round(active: OpenFile | undefined): Promise<void> {
    const retired = this.#retired.splice(0)
    const rotated = this.#lastRotated
    const failures: unknown[] = []
    this.#syncing = active
    try {
      for (const one of retired) await this.#finish(one).catch(error => failures.push(error))
      if (active) await this.#syncActive(active) // if that fails, the file must change: at once
    } finally {
      this.#syncing = undefined
    }
    if (this.#directories.size > 0) await this.#syncDirectories()
    if (rotated && rotated !== this.#toldRotated) {
      this.#toldRotated = rotated
      this.#owner.namesSynced(rotated)
    }
    if (failures.length > 0) throw failures[0]
  }

  #isCovered(file: OpenFile): boolean {
    return file.bytes === (this.#covered?.file === file ? this.#covered.bytes : 0)
  }

  #acknowledge(waiting: readonly Deferred[]): void {
    const untold = this.#untold
    if (waiting.length > 0) this.#untold = undefined
    for (const one of waiting) {
      if (untold) one.reject(untold)
      else one.resolve()
    }
  }

  /** Those who came meanwhile are in the same file, perhaps in the pages that were dropped. */
  #fail(waiting: readonly Deferred[], cause: unknown): void {
    const error = this.#errorOf(cause)
    const toTell = [...waiting, ...this.#waiting]
    this.#waiting = []
    this.#untold = toTell.length > 0 ? undefined : error
    this.#settleFailed()
    for (const one of toTell) one.reject(error)
    this.#owner.syncFailed(error)
  }

  /** All that is in failed files by now is known to be lost, perhaps: nobody is told twice. */
  #settleFailed(): void {
    const active = this.#owner.activeFile()
    for (const file of [active, ...this.#retired.map(one => one.file)]) {
      if (file.syncFailedAtBytes !== undefined) file.syncFailedAtBytes = file.bytes
    }
    if (active.syncFailedAtBytes !== undefined) {
      this.#covered = { file: active, bytes: active.bytes }
    }
  }

  #errorOf(cause: unknown): RollkeeperError {
    const { path } = this.#owner.activeFile()
    const message = `cannot sync ${path} (${reasonOf(cause)}); what was not synced before may be lost on power loss`
    return new RollkeeperError('ERR_ROLLKEEPER_SYNC', message, { path, cause })
  }

  async #finish({ file, backup, closed }: Retired): Promise<void> {
    if (closed) return backup && this.#syncByName(backup.path)
    try {
      // Those who waited when it failed know already; who came after must not hear that all is well.
      const knownBytes = file.syncFailedAtBytes ?? -1
      if (file.bytes > knownBytes) await this.#sync(file)
    } finally {
      file.close()
    }
  }

  async #syncActive(file: OpenFile): Promise<void> {
    const { bytes } = file
    await this.#sync(file)
    this.#covered = { file, bytes }
  }

  #sync(file: OpenFile): Promise<void> {
    if (file.syncFailedAtBytes !== undefined) {
      return Promise.reject(new Error('an earlier sync of this file failed'))
    }
    return this.#platform.disk.datasync(file.fd).catch((error: Error) => {
      if (file.bytes > 0) file.syncFailedAtBytes = file.bytes // an empty one has no pages to lose
      throw error
    })
  }

  /** Entries hold no pages of records, so a directory whose sync failed is tried again. */
  async #syncDirectories(): Promise<void> {
    for (const directory of Array.from(this.#directories)) {
      this.#directories.delete(directory) // first: what comes into it meanwhile needs the next one
      try {
        await this.#platform.disk.syncDirectory(directory)
      } catch (error) {
        this.#directories.add(directory)
        throw error
      }
    }
  }

  /** A write error that nobody has seen yet is reported to the next descriptor (fsync(2)). */
  async #syncByName(path: string): Promise<void> {
    const { disk } = this.#platform
    let fd: number
    try {
      fd = disk.openExisting(path)
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return // pruned or taken away since: nobody asks for it
      throw error
    }
    try {
      await disk.datasync(fd)
    } finally {
      disk.close(fd)
    }
  }

  /** A loop that rotates faster than the disk syncs must not run out of descriptors. */
  #closeOldest(): void {
    const open = this.#retired.filter(
      ({ file, backup, closed }) =>
        backup && !closed && file.syncFailedAtBytes === undefined && file !== this.#syncing,
    )
    const [oldest] = open
    if (!oldest || open.length <= RETIRED_OPEN_MAX) return
    oldest.closed = true
    try {
      oldest.file.close()
    } catch (error) {
      this.#owner.syncFailed(this.#errorOf(error))
    }
  }
}

function endOfTurn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}
