import type { Backup } from '../backup/backup.js'
import type { FileStatus } from '../platform/disk.js'
import type { Platform } from '../platform/platform.js'
import { reasonOf, RollkeeperError } from '../platform/rollkeeper-error.js'
import type { Rotator } from '../rotation/rotator.js'
import { BackgroundSync } from './background-sync.js'
import type { FileSequence } from './file-sequence.js'
import { GroupCommit } from './group-commit.js'
import type { OpenFile } from './open-file.js'
import type { AppenderSettings } from './options.js'

/** What the syncs need of the sequence of files. */
type Files = Pick<FileSequence, 'file' | 'tryRotate'> & {
  readonly rotator: Pick<Rotator, 'release'>
}

/** What the syncs of an appender tell their owner. */
export interface SyncWorkOwner {
  /** A rotation has ended, or could not: the backup may be worked on. */
  rotationEnded(): void
  /** A sync failed; who waited for it knows. */
  failed(error: RollkeeperError): void
  warn(error: RollkeeperError): void
}

/** All syncs of an appender, those asked for and those behind, and what follows from each. */
export class SyncWork {
  /** For those who wait for a sync. */
  readonly commit: GroupCommit
  readonly #settings: AppenderSettings
  readonly #sequence: Files
  readonly #owner: SyncWorkOwner
  readonly #background: BackgroundSync | undefined
  #status: 'at work' | 'stopped' = 'at work'

  /** @param sequence whose files they are. */
  constructor(
    platform: Platform,
    settings: AppenderSettings,
    sequence: Files,
    owner: SyncWorkOwner,
  ) {
    this.#settings = settings
    this.#sequence = sequence
    this.#owner = owner
    const { durability, syncIntervalMs } = settings
    const commitOwner = {
      activeFile: () => sequence.file,
      namesSynced: (rotated: FileStatus) => this.#releasePrivateName(rotated),
      syncFailed: (error: RollkeeperError) => {
        owner.failed(error)
        this.leaveFailedFile()
      },
    }
    this.commit = new GroupCommit(platform, commitOwner, durability === 'flush')
    if (syncIntervalMs !== undefined) {
      this.#background = new BackgroundSync(platform.clock, syncIntervalMs, this.commit)
    }
    this.commit.made(sequence.file)
  }

  /** Something was written. Called for each batch, so it costs one comparison. */
  written(): void {
    this.#background?.written()
  }

  /** The sequence went on to its next file: the one before is synced behind, and closed. */
  retire(old: OpenFile, backup?: Backup): void {
    this.commit.made(this.#sequence.file)
    this.commit.retire(old, backup)
  }

  /** A file whose sync failed is never synced again: what comes goes into the next one. */
  leaveFailedFile(): void {
    const mustChange = this.#sequence.file.syncFailedAtBytes !== undefined
    if (mustChange && this.#status === 'at work') this.#sequence.tryRotate('a sync that failed')
  }

  /**
   * Syncs for the last time what the options promise; no file is left for another from here on.
   * Resolved: done, or there was nothing to do. Rejected: RollkeeperError `ERR_ROLLKEEPER_SYNC`.
   */
  async finish(): Promise<void> {
    this.#status = 'stopped'
    const isBehind = this.#background?.stop() ?? false
    if (isBehind || this.#settings.durability === 'sync') await this.commit.commit()
  }

  /** The last step of a rotation. A private name that stays is freed by the next one. */
  #releasePrivateName(rotated: FileStatus): void {
    const { path } = this.#settings
    try {
      this.#sequence.rotator.release(rotated)
    } catch (cause) {
      const message = `cannot end the rotation of ${path} (${reasonOf(cause)}); the next one will`
      this.#owner.warn(new RollkeeperError('ERR_ROLLKEEPER_ROTATE', message, { path, cause }))
    }
    this.#owner.rotationEnded() // not before: an archive counts for less than its source
  }
}
