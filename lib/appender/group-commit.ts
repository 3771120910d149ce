import type { Backup } from '../backup/backup.js'
import type { Platform } from '../platform/platform.js'
import { reasonOf, RollkeeperError, systemCode } from '../platform/rollkeeper-error.js'
import { Deferred } from './deferred.js'
import type { OpenFile } from './open-file.js'

/** What a commit asks of its owner, and tells it. */
export interface CommitOwner {
  /** The file that is being written at this moment. */
  activeFile(): OpenFile
  /** The names that a rotation gave are on stable storage, and so is what it closed. */
  namesSynced(rotation: Backup): void
  /** A sync failed; what waited for it is rejected already. */
  syncFailed(error: RollkeeperError): void
}

/** A file that is no longer written, on its way to stable storage. */
interface Retired {
  readonly file: OpenFile
  /** Its name now, to open it again by when too many would be open. */
  readonly path: string
  open: boolean
}

/** Descriptors of retired files that wait for their sync; past it the oldest close early. */
const RETIRED_OPEN_MAX = 16

/**
 * Brings written records to stable storage: one fdatasync for all who wait, one after the other,
 * in the thread pool. Who comes while one is under way waits for the next.
 *
 * The order of a round is the order that survives power loss: files that are no longer written,
 * the active file, then the directories that name them. A descriptor closes only after its sync
 * has returned. A failed sync is never tried again: the kernel may have dropped the pages it could
 * not write, and the second try would succeed without them
 * (https://www.usenix.org/conference/atc20/presentation/rebello).
 */
export class GroupCommit {
  readonly #platform: Platform
  readonly #owner: CommitOwner
  readonly #directories = new Set<string>()
  #waiting: Deferred[] = []
  #retired: Retired[] = []
  #lastRotation: Backup | undefined
  #syncing: OpenFile | undefined
  #running: Promise<void> | undefined
  #lastSyncAt: Date | undefined

  constructor(platform: Platform, owner: CommitOwner) {
    this.#platform = platform
    this.#owner = owner
  }

  /** When a round last succeeded. */
  get lastSyncAt(): Date | undefined {
    return this.#lastSyncAt
  }

  /**
   * Resolved: all that was written before the call is on stable storage, and found there by name.
   * Rejected: RollkeeperError `ERR_ROLLKEEPER_SYNC`.
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

  /** A file of ours came into directories; the next commit covers their entries. */
  made(file: OpenFile): void {
    for (const directory of file.changedDirectories) this.#directories.add(directory)
  }

  /**
   * Takes over a file that is no longer written: syncs it behind, closes it.
   *
   * @param path its name now.
   * @param backup what it became, if it was rotated.
   */
  retire(file: OpenFile, path: string, backup: Backup | undefined): void {
    this.#retired.push({ file, path, open: true })
    this.#lastRotation = backup ?? this.#lastRotation
    const open = this.#retired.filter(retired => retired.open && retired.file !== this.#syncing)
    if (open.length > RETIRED_OPEN_MAX) closeEarly(open[0])
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
    while (this.#waiting.length > 0 || this.#retired.length > 0) {
      const waiting = this.#waiting
      this.#waiting = []
      try {
        if (this.#retired.length > 0) await this.#finishRetired()
        if (waiting.length > 0) await this.#sync(this.#owner.activeFile())
        if (this.#directories.size > 0) await this.#syncDirectories()
        this.#lastSyncAt = new Date(this.#platform.clock.now())
        for (const one of waiting) one.resolve()
      } catch (cause) {
        this.#fail(waiting, cause)
      }
    }
    this.#running = undefined // in one go with the last look at what waits
  }

  /** Those who came meanwhile are in the same file, perhaps in the pages that were dropped. */
  #fail(waiting: readonly Deferred[], cause: unknown): void {
    const { path } = this.#owner.activeFile()
    const message = `cannot sync ${path} (${reasonOf(cause)}); what was not synced before may be lost on power loss`
    const error = new RollkeeperError('ERR_ROLLKEEPER_SYNC', message, { path, cause })
    for (const one of [...waiting, ...this.#waiting]) one.reject(error)
    this.#waiting = []
    this.#owner.syncFailed(error)
  }

  /** All are finished, also when one of them fails. */
  async #finishRetired(): Promise<void> {
    const failures: unknown[] = []
    for (const file of this.#retired.splice(0)) {
      await this.#finish(file).catch(error => failures.push(error))
    }
    if (failures.length > 0) throw failures[0]
  }

  async #syncDirectories(): Promise<void> {
    const rotation = this.#lastRotation
    for (const directory of Array.from(this.#directories)) {
      this.#directories.delete(directory) // first: what comes into it meanwhile needs the next one
      try {
        await this.#platform.disk.syncDirectory(directory)
      } catch (error) {
        this.#directories.add(directory)
        throw error
      }
    }
    if (rotation) this.#owner.namesSynced(rotation)
  }

  async #finish({ file, path, open }: Retired): Promise<void> {
    if (!open) return this.#syncByName(path)
    try {
      if (!file.syncFailed) await this.#sync(file) // else those who waited for it know already
    } finally {
      file.close()
    }
  }

  #sync(file: OpenFile): Promise<void> {
    if (file.syncFailed) return Promise.reject(new Error('an earlier sync of this file failed'))
    this.#syncing = file
    return this.#platform.disk.datasync(file.fd).then(
      () => {
        this.#syncing = undefined
      },
      (error: Error) => {
        this.#syncing = undefined
        file.syncFailed = true
        throw error
      },
    )
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
}

function closeEarly(retired: Retired | undefined): void {
  if (!retired) return
  retired.open = false
  retired.file.close()
}
