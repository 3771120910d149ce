import { basename, dirname } from 'node:path'
import { wrongType } from '../arguments/argument-error.js'
import type { Backup, BackupFile } from '../backup/backup.js'
import { parseBackupName, rivalPath } from '../backup/backup-name.js'
import { Catalogue, type Listing } from '../backup/catalogue.js'
import { findBackup, removeHolds, writeHold } from '../backup/hold.js'
import { othersWhoMayDelete } from '../platform/directory-access.js'
import type { FileStatus } from '../platform/disk.js'
import type { Platform } from '../platform/platform.js'
import { reasonOf, RollkeeperError } from '../platform/rollkeeper-error.js'
import { Archive } from './archive.js'
import { BackgroundSteps } from './background-steps.js'
import { Prune } from './prune.js'
import type { RetentionRule } from './selection.js'

/** What zlib itself takes where it is not told (https://zlib.net/manual.html). */
export const DEFAULT_GZIP_LEVEL = 6

/** The part of the options that decides what becomes of backups. */
export interface UpkeepOptions {
  /** The active file. */
  readonly path: string
  readonly rules: readonly RetentionRule[]
  /** How hard archives are compressed, 1 to 9; undefined for no archives. */
  readonly gzipLevel: number | undefined
}

/** Whom the upkeep tells what it did and found. */
export interface UpkeepOwner {
  /** The directory was read. */
  listed(listing: Listing): void
  archived(archive: Backup): void
  /** Oldest first. */
  pruned(backups: Backup[]): void
  warn(error: RollkeeperError): void
  /** Whether the rotation of this file has not ended yet. */
  isBusy(file: FileStatus): boolean
}

/**
 * All that is done with a log's backups after their rotation: they are archived, held, pruned.
 * Nothing of it is in a record's way, and losing any of it loses nothing.
 */
export class Upkeep {
  readonly #platform: Platform
  readonly #options: UpkeepOptions
  readonly #owner: UpkeepOwner
  readonly #catalogue: Catalogue
  /** Also where no archives are made: what a crash left of them is to be tidied up. */
  readonly #archive: Archive
  readonly #prune: Prune
  readonly #background: BackgroundSteps
  readonly #warnedOf = new Set<string>()
  #lastHold: Promise<unknown> = Promise.resolve()

  constructor(platform: Platform, options: UpkeepOptions, owner: UpkeepOwner) {
    this.#platform = platform
    this.#options = options
    this.#owner = owner
    const { path, rules, gzipLevel } = options
    this.#catalogue = new Catalogue(platform.disk, path)
    const due = (): void => void this.request()
    const warn = (error: RollkeeperError): void => owner.warn(error)
    this.#archive = new Archive(platform, gzipLevel ?? DEFAULT_GZIP_LEVEL, {
      archived: archive => owner.archived(archive),
      warn,
      due,
      isBusy: file => owner.isBusy(file),
    })
    this.#prune = new Prune(platform, dirname(path), rules, {
      pruned: backups => owner.pruned(backups),
      warn,
      due,
      abandon: backup => this.#archive.abandon(backup),
    })
    const steps = gzipLevel === undefined ? [this.#prune] : [this.#archive, this.#prune]
    this.#background = new BackgroundSteps(steps, {
      list: async () => (await this.#list()).backups,
      failed: (step, cause) => this.#stepFailed(step, cause),
    })
    this.#warnOfRival()
    this.#warnOfOthers()
  }

  /** A rotation made this backup just now. */
  stamped(backup: Backup): void {
    this.#prune.stamped(backup)
  }

  /** All backups, newest first. Rejected with what the system says. */
  async backups(): Promise<Backup[]> {
    return (await this.#list()).backups.slice()
  }

  /** Resolved: a pass of the steps is over; others may have to follow. Never rejected. */
  request(): Promise<void> {
    return this.#background.request()
  }

  /**
   * Prunes after the passes that are asked for already; but where archives are made, those may take
   * minutes, so it does not wait for them. Returns what it removed, oldest first.
   */
  async prune(): Promise<Backup[]> {
    if (this.#options.gzipLevel === undefined) await this.#background.idle()
    return this.#prune.remove(() => this.backups())
  }

  /** Resolved: the room is free that archives in the making and backups given up had taken. */
  async makeRoom(): Promise<void> {
    await this.#archive.interrupt()
    await this.#prune
      .remove(() => this.backups())
      .catch((error: unknown) => this.#stepFailed(this.#prune.name, error))
  }

  /**
   * Exempts a backup from pruning, on stable storage.
   *
   * @throws TypeError for what is no backup of this log, or no reason; RollkeeperError
   *   `ERR_ROLLKEEPER_HOLD` where it cannot be held: it is gone, or the system refuses.
   */
  async hold(backup: Backup, why: string): Promise<void> {
    const file = this.#parseBackup('hold(backup)', backup)
    if (typeof why !== 'string' || why.trim() === '') {
      throw wrongType('hold(why)', 'the reason, a string that is not blank', why)
    }
    await this.#inTurn(() => this.#hold(file, why.trim()))
  }

  /** Undoes `hold`; same errors. A backup that is not held, or gone, is no error. */
  async release(backup: Backup): Promise<void> {
    const file = this.#parseBackup('release(backup)', backup)
    await this.#inTurn(() => this.#release(file))
  }

  /** Whether no pass is under way, and none waits. */
  get isIdle(): boolean {
    return this.#background.isIdle
  }

  /** Resolved: no work is under way, and none waits. */
  async idle(): Promise<void> {
    await this.#lastHold
    await this.#background.idle()
    await this.#prune.idle()
  }

  /** Stops its timers. */
  stop(): void {
    this.#archive.stop()
    this.#prune.stop()
  }

  async #list(): Promise<Listing> {
    const listing = await this.#catalogue.list()
    this.#owner.listed(listing)
    for (const path of listing.strayHolds) this.#warnOfStrayHold(path)
    for (const path of listing.strangers) this.#warnOfStranger(path)
    await this.#archive.tidy(listing.temporaries)
    return listing
  }

  /** Holds and releases count in the order of their calls; and holds share a temporary file. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#lastHold.then(work)
    this.#lastHold = done.catch(() => undefined)
    return done
  }

  async #hold(backup: BackupFile, why: string): Promise<void> {
    const { disk } = this.#platform
    try {
      const there = findBackup(disk, backup)
      if (!there) throw new Error('it is gone')
      await writeHold(disk, this.#options.path, there, why)
      // One that was looked at before the hold was there may be on its way out.
      await this.#prune.idle()
      if (findBackup(disk, backup)) return
      await removeHolds(disk, backup)
      throw new Error('it was pruned in this moment')
    } catch (cause) {
      throw this.#holdError('hold', backup.path, cause)
    }
  }

  async #release(backup: BackupFile): Promise<void> {
    try {
      if (await removeHolds(this.#platform.disk, backup)) void this.request()
    } catch (cause) {
      throw this.#holdError('release', backup.path, cause)
    }
  }

  /** Reads a backup by its path alone: the rest may be anything, coming from outside. */
  #parseBackup(argument: string, backup: Backup): BackupFile {
    const { path: active } = this.#options
    const path: unknown = Object(backup).path
    if (typeof path === 'string' && dirname(path) === dirname(active)) {
      const parsed = parseBackupName(active, basename(path))
      if (parsed) return { path, archived: parsed.archived }
    }
    throw wrongType(argument, `a backup of ${active}`, backup)
  }

  #holdError(what: string, path: string, cause: unknown): RollkeeperError {
    const message = `cannot ${what} ${path} (${reasonOf(cause)})`
    return new RollkeeperError('ERR_ROLLKEEPER_HOLD', message, { path, cause })
  }

  #stepFailed(step: string, cause: unknown): void {
    const { path } = this.#options
    const message = `cannot ${step} the backups of ${path} (${reasonOf(cause)})`
    this.#prune.lookLater()
    const code = step === 'archive' ? 'ERR_ROLLKEEPER_ARCHIVE' : 'ERR_ROLLKEEPER_PRUNE'
    this.#owner.warn(new RollkeeperError(code, message, { path, cause }))
  }

  #warnOfRival(): void {
    const { path } = this.#options
    const rival = rivalPath(path)
    if (rival === undefined || !this.#platform.disk.lstat(rival)?.isFile()) return
    const message = `${path} and ${rival} cannot both be logs: they could prune each other's backups`
    this.#owner.warn(new RollkeeperError('ERR_ROLLKEEPER_PATH', message, { path }))
  }

  /** Nothing in a directory is safe from who may delete in it. */
  #warnOfOthers(): void {
    const { path } = this.#options
    const directory = dirname(path)
    try {
      const others = othersWhoMayDelete(this.#platform.disk.stat(directory))
      if (others === undefined) return
      const message = `${others} may write to ${directory}, and so delete or replace what ${path} keeps there`
      this.#owner.warn(new RollkeeperError('ERR_ROLLKEEPER_PATH', message, { path }))
    } catch {
      // Who cannot look at the directory cannot list it either, which is a warning soon enough.
    }
  }

  #warnOfStranger(path: string): void {
    if (this.#warnedOf.has(path)) return
    this.#warnedOf.add(path)
    const message = `${path} has the name of a backup, but was made by somebody who has no part in the log; it does not count`
    this.#owner.warn(new RollkeeperError('ERR_ROLLKEEPER_PATH', message, { path }))
  }

  #warnOfStrayHold(path: string): void {
    if (this.#warnedOf.has(path)) return
    this.#warnedOf.add(path)
    const message = `${path} holds nothing: there is no such backup`
    this.#owner.warn(new RollkeeperError('ERR_ROLLKEEPER_HOLD', message, { path }))
  }
}
