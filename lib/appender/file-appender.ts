import { EventEmitter } from 'node:events'
import type { Writable } from 'node:stream'
import { wrongType } from '../arguments/argument-error.js'
import type { Backup } from '../backup/backup.js'
import type { Cancel } from '../platform/clock.js'
import { onProcessExit } from '../platform/exit-hook.js'
import { PathLock } from '../platform/lock.js'
import { systemPlatform, type Platform } from '../platform/platform.js'
import { reasonOf, RollkeeperError } from '../platform/rollkeeper-error.js'
import { Upkeep } from '../retention/upkeep.js'
import {
  AppenderReport,
  type FileAppenderEvents,
  type FileAppenderStats,
} from './appender-report.js'
import { Delivery } from './delivery.js'
import { FileSequence, type SequenceOwner } from './file-sequence.js'
import { IdleFollow } from './idle-follow.js'
import { LineWritable } from './line-writable.js'
import type { OpenFile } from './open-file.js'
import { parseOptions, type AppenderSettings, type FileAppenderOptions } from './options.js'
import { SyncWork } from './sync-work.js'
import type { AuditRecord } from './write-queue.js'

/**
 * An audit log: appends records to a file, rotates it, and keeps the right backups.
 *
 *     const log = new FileAppender({ path: 'logs/audit.log', maxSize: '100MiB', maxBackups: 10 })
 *     log.write('started\n')
 *     await log.append('paid\n')
 *     await log.close()
 *
 * Records reach the operating system by the end of the turn of the event loop in which they come,
 * in their order, each whole and in one file. What waits when the process exits is written then.
 */
export class FileAppender extends EventEmitter<FileAppenderEvents> {
  readonly #settings: AppenderSettings
  readonly #report = new AppenderReport(this)
  readonly #lock: PathLock
  readonly #sequence: FileSequence
  readonly #delivery: Delivery
  readonly #syncWork: SyncWork
  readonly #upkeep: Upkeep
  readonly #idleFollow: IdleFollow | undefined
  readonly #forgetExit: Cancel
  readonly #forgetLock: Cancel
  #closed: Promise<void> | undefined

  /**
   * Opens at once, making missing directories, and finishes what a crash left: when it returns, the
   * log is ready.
   *
   * @param options see `FileAppenderOptions`; only `path` is required.
   * @param platform the disk and the clock; specs put others in their place.
   * @throws TypeError, RangeError for a wrong option; RollkeeperError `ERR_ROLLKEEPER_LOCKED` when
   *   another appender has the log open, `ERR_ROLLKEEPER_OPEN` when the system refuses,
   *   `ERR_ROLLKEEPER_PATH` when the path is no place for a log. No file is left.
   */
  constructor(options: FileAppenderOptions, platform: Platform = systemPlatform) {
    super()
    this.#settings = parseOptions(options)
    const report = this.#report
    const warn = (error: RollkeeperError): void => report.warn(error)
    const { path, making } = this.#settings
    this.#lock = PathLock.take(platform, path, making, warn)
    const sequenceOwner: SequenceOwner = {
      rotated: (backup, old) => this.#rotated(backup, old),
      reopened: (why, old) => {
        this.#syncWork.retire(old)
        this.#lock.renew()
        report.tell('reopen', why)
      },
      recovered: recovery => report.tell('recover', recovery),
      due: () => {
        if (this.#closed) return
        this.#delivery.handOver()
        this.#sequence.closeIfDue()
        this.#syncWork.leaveFailedFile()
      },
      written: () => {
        this.#syncWork.written()
        this.#idleFollow?.written()
      },
      warn,
    }
    this.#sequence = this.#lock.guard(
      () => new FileSequence(platform, this.#settings, sequenceOwner),
    )
    this.#syncWork = new SyncWork(platform, this.#settings, this.#sequence, {
      rotationEnded: () => {
        this.#lock.renew()
        void this.#upkeep.request()
      },
      failed: error => {
        report.fail(error)
        this.#delivery.syncFailed(error)
        void this.#upkeep.request()
      },
      warn,
    })
    this.#syncWork.commit.made(this.#lock)
    this.#delivery = new Delivery({
      platform,
      sequence: this.#sequence,
      options: this.#settings,
      commit: this.#settings.durability === 'sync' ? this.#syncWork.commit : undefined,
      drained: () => report.tell('drain'),
      lost: gap => report.tell('gap', gap),
      full: () => void this.#makeRoom(),
      warn,
    })
    this.#upkeep = new Upkeep(platform, this.#settings, {
      listed: listing => this.#sequence.learn(listing),
      archived: archive => report.archived(archive),
      pruned: backups => report.pruned(backups),
      warn,
      isBusy: file => this.#sequence.rotator.isUnderWay(file),
    })
    if (this.#settings.follow && platform.watch) {
      this.#idleFollow = new IdleFollow(platform, platform.watch, this.#sequence, warn)
    }
    this.#forgetExit = onProcessExit(() => {
      const gap = this.#delivery.leave()
      if (gap) this.emit('gap', gap) // at once: there is no later turn
    })
    this.#forgetLock = onProcessExit(() => this.#lock.release())
    void this.#upkeep.request()
  }

  /**
   * Takes a record without waiting; it is written by the end of this turn of the event loop.
   *
   * @param record text (UTF-8) or bytes (copied), not empty, that end in `'\n'`.
   * @returns like a stream: false asks to wait for `drain`, which comes when writing works again.
   *   While it is impossible records are taken all the same, until `maxPending` bytes wait; past that
   *   the record is dropped and counted, and the log tells of it.
   * @throws TypeError for anything that is no record, RollkeeperError `ERR_ROLLKEEPER_CLOSED`; with
   *   `onFull: 'throw'`, `ERR_ROLLKEEPER_FULL` instead of dropping the record.
   */
  write(record: AuditRecord): boolean {
    return this.#delivery.write(record)
  }

  /**
   * Takes a record and waits for it.
   *
   * @param record see `write`.
   * @returns a promise, shared by all records of a batch. Resolved: the record is handed to the
   *   operating system, or, with durability `'sync'`, on stable storage. While writing is impossible
   *   it waits. Rejected with a TypeError for anything that is no record, else with a
   *   RollkeeperError: `ERR_ROLLKEEPER_CLOSED`, `ERR_ROLLKEEPER_SYNC`, or, when the log is closed
   *   before the record could be written, `ERR_ROLLKEEPER_FULL` or `ERR_ROLLKEEPER_WRITE`. Past
   *   `maxPending`, at once: with `onFull: 'drop'`, `ERR_ROLLKEEPER_DROPPED`; with `'throw'`,
   *   `ERR_ROLLKEEPER_FULL`.
   */
  append(record: AuditRecord): Promise<void> {
    return this.#delivery.append(record)
  }

  /**
   * Resolved: all records taken before the call are handed to the operating system. Waits while
   * writing is impossible; rejected like `append` when the log is closed, or a sync that they wait
   * for fails, meanwhile.
   */
  flush(): Promise<void> {
    return this.#delivery.flush()
  }

  /**
   * Writes all that waits, now.
   *
   * @throws RollkeeperError `ERR_ROLLKEEPER_FULL` or `ERR_ROLLKEEPER_WRITE` while that is
   *   impossible; the records go on waiting.
   */
  flushSync(): void {
    const failure = this.#delivery.handOver()
    if (failure) throw failure
  }

  /**
   * Resolved: all records taken before the call are on stable storage, but for those in a file whose
   * sync failed before; who waited then was told, and so were the listeners for `error`. Rejected:
   * RollkeeperError `ERR_ROLLKEEPER_SYNC`, or `ERR_ROLLKEEPER_CLOSED`.
   */
  async sync(): Promise<void> {
    this.#assertOpen()
    if (this.#delivery.handOver()) {
      await this.#delivery.flush()
      this.#assertOpen()
    }
    await this.#syncWork.commit.commit()
  }

  /**
   * Rotates now, whatever the limits say.
   *
   * @param reason in a word or two, for the error if it is refused. Default: `'a call of rotate'`.
   * @returns the new backup; undefined where the active file was empty. Resolved: the backup has
   *   its name, and the next file is open; with durability `'sync'`, both on stable storage.
   *   Rejected: RollkeeperError `ERR_ROLLKEEPER_ROTATE`, and records go on into the same file;
   *   `ERR_ROLLKEEPER_SYNC`; `ERR_ROLLKEEPER_CLOSED`; a TypeError for a reason that is no string.
   */
  async rotate(reason = 'a call of rotate'): Promise<Backup | undefined> {
    if (typeof reason !== 'string') throw wrongType('rotate(reason)', 'a string', reason)
    this.#assertOpen()
    this.#delivery.handOver()
    await this.#knowBackups()
    this.#assertOpen()
    const backup = this.#sequence.rotate(reason)
    if (this.#settings.durability === 'sync') await this.#syncWork.commit.commit()
    return backup
  }

  /**
   * Writes what waits and opens the path anew, making the file if it is gone: what logrotate's
   * `postrotate` wants. Resolved: done. Rejected: RollkeeperError `ERR_ROLLKEEPER_OPEN` or
   * `ERR_ROLLKEEPER_PATH`, and the old file stays in use; `ERR_ROLLKEEPER_CLOSED`.
   */
  async reopen(): Promise<void> {
    this.#assertOpen()
    this.#delivery.handOver()
    this.#sequence.reopen('requested')
  }

  /** All backups that are on the disk, newest first. Rejected with what the system says. */
  backups(): Promise<Backup[]> {
    return this.#upkeep.backups()
  }

  /**
   * Prunes now, by this appender's options and policies, without waiting for archives in the making.
   *
   * @returns the backups that were removed, oldest first. One that could not be is a `warning`.
   *   Rejected: RollkeeperError `ERR_ROLLKEEPER_CLOSED`; what the system says where the directory
   *   cannot be read.
   */
  async prune(): Promise<Backup[]> {
    this.#assertOpen()
    return this.#upkeep.prune()
  }

  /**
   * Exempts a backup from pruning, also after a restart: a file `<backup>.hold` says why. It is not
   * part of the log; whoever makes or removes it by hand does the same.
   *
   * @param backup of this log; it may have been archived meanwhile.
   * @param why the reason, for those who find it: not blank. Another one takes its place.
   * @returns resolved: it is held, on stable storage. Rejected: RollkeeperError
   *   `ERR_ROLLKEEPER_HOLD` where it is gone, or the system refuses; `ERR_ROLLKEEPER_CLOSED`; a
   *   TypeError for what is no backup of this log, or no reason.
   */
  async hold(backup: Backup, why: string): Promise<void> {
    this.#assertOpen()
    await this.#upkeep.hold(backup, why)
  }

  /**
   * Undoes `hold`, whoever did it; the next prune may take the backup. Resolved: it is not held,
   * also where it was not before, or is gone. Rejected like `hold`, but for that.
   */
  async release(backup: Backup): Promise<void> {
    this.#assertOpen()
    await this.#upkeep.release(backup)
  }

  /**
   * Writes what waits. Resolved: no work is left behind the records: no sync of a closed file, no
   * archive, no prune.
   */
  async settled(): Promise<void> {
    if (!this.#closed) this.#delivery.handOver()
    do {
      await this.#syncWork.commit.idle()
      await this.#upkeep.idle()
    } while (!this.#syncWork.commit.isIdle || !this.#upkeep.isIdle)
  }

  /** What the appender did so far. */
  stats(): FileAppenderStats {
    return {
      records: this.#sequence.records,
      bytes: this.#sequence.bytes,
      rotations: this.#sequence.rotations,
      dropped: this.#delivery.dropped,
      oversized: this.#sequence.oversized,
      pendingBytes: this.#delivery.pendingBytes,
      activeBytes: this.#sequence.file.bytes,
      ...this.#report.counts,
      lastSyncAt: this.#syncWork.commit.lastSyncAt,
    }
  }

  /**
   * A stream that cuts whatever bytes it gets into lines, and appends them; a last line without an
   * end gets one. It asks for more when what it has is acknowledged, and its `finish` says that all
   * is. Its end does not close the log.
   */
  writable(): Writable {
    return new LineWritable(this)
  }

  /**
   * Writes what waits, waits for the work behind, and closes. Closing twice is closing once.
   *
   * Resolved: every record that was taken is kept, but for those counted as dropped before.
   * Rejected: RollkeeperError `ERR_ROLLKEEPER_FULL` or `ERR_ROLLKEEPER_WRITE` when the last try to
   * write failed, `ERR_ROLLKEEPER_SYNC` when the last sync did; the log is closed then too, and what
   * is lost is counted and told of by `gap`.
   */
  close(): Promise<void> {
    return (this.#closed ??= this.#close().finally(() => {
      this.#lock.release()
      this.#forgetLock()
    }))
  }

  /** `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    let refusal = this.#delivery.stopTaking()
    let records = -1
    // On a full disk, what the rules can spare is spared first, as long as that is of any help.
    while (refusal?.code === 'ERR_ROLLKEEPER_FULL' && this.#sequence.records > records) {
      records = this.#sequence.records
      await this.#spareRoom()
      refusal = this.#delivery.handOver()
    }
    let failure: Error | undefined = this.#delivery.end()
    this.#forgetExit()
    this.#idleFollow?.stop()
    this.#sequence.stop()
    await this.#syncWork.finish().catch((error: Error) => (failure ??= error))
    await this.settled()
    this.#upkeep.stop()
    try {
      this.#sequence.file.close()
    } catch (cause) {
      const { path } = this.#settings
      const message = `cannot close ${path} (${reasonOf(cause)})`
      failure ??= new RollkeeperError('ERR_ROLLKEEPER_WRITE', message, { path, cause })
    }
    this.#report.tell('close')
    if (failure) throw failure
  }

  #rotated(backup: Backup, old: OpenFile): void {
    this.#upkeep.stamped(backup)
    this.#syncWork.retire(old, backup)
    this.#report.tell('rotate', backup)
  }

  /** What the rules can spare makes room for records that wait. */
  async #makeRoom(): Promise<void> {
    await this.#spareRoom()
    this.#delivery.tryAgain()
  }

  async #spareRoom(): Promise<void> {
    await this.#syncWork.commit.idle() // until its private name is free, a backup keeps its room
    await this.#upkeep.makeRoom()
  }

  /** A directory so large that it is still being read must not hold up everybody else. */
  async #knowBackups(): Promise<void> {
    try {
      if (!this.#sequence.rotator.isReady()) await this.#upkeep.backups()
    } catch {
      // Then the rotation is refused, and says why.
    }
  }

  #assertOpen(): void {
    if (this.#closed) throw this.#delivery.closedError()
  }
}
