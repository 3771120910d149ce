import type { EventEmitter } from 'node:events'
import type { Backup } from '../backup/backup.js'
import type { RollkeeperError } from '../platform/rollkeeper-error.js'
import type { Recovery } from '../rotation/recovery.js'
import type { ReopenReason } from './file-sequence.js'
import type { Gap } from './gap.js'

/**
 * The events of an appender, each with what its listeners are handed. They come in a later turn
 * than what they tell of, so a listener may call the appender, and one that throws harms no record.
 */
export interface FileAppenderEvents {
  /** After `write` answered false: go on. */
  drain: []
  /** A file was closed under its backup name, and the next one is open. */
  rotate: [backup: Backup]
  /** A backup was compressed: what it is now. */
  archive: [archive: Backup]
  /** Backups were removed; oldest first. */
  prune: [backups: Backup[]]
  /** The active path was opened anew, and why. */
  reopen: [why: ReopenReason]
  /** What a crash had left was put right: a torn tail closed off, a rotation finished. */
  recover: [recovery: Recovery]
  /** Records were lost. The log says so itself, as soon as it can be written. */
  gap: [gap: Gap]
  /** Something failed that the appender survives. */
  warning: [error: RollkeeperError]
  /** What was promised may not hold. Comes as a `warning` where nobody listens for it. */
  error: [error: RollkeeperError]
  /** The log is closed. */
  close: []
}

/** What an appender did since it was constructed. */
export interface FileAppenderStats {
  /** Records handed to the operating system; so is a line that tells of a gap. */
  readonly records: number
  /** Bytes of these. */
  readonly bytes: number
  /** Files that became backups. */
  readonly rotations: number
  /** Backups removed. */
  readonly pruned: number
  /** Backups compressed. */
  readonly archived: number
  /** Records lost. */
  readonly dropped: number
  /** Records longer than a file may be, kept whole in a file of their own. */
  readonly oversized: number
  /** Warnings and errors. */
  readonly errors: number
  /** Bytes that wait to be written. */
  readonly pendingBytes: number
  /** Size of the active file, in bytes. */
  readonly activeBytes: number
  /** The last warning or error. */
  readonly lastError: RollkeeperError | undefined
  /**
   * Everything written before this is on stable storage, but for what an `error` told of: when the
   * last sync that succeeded began.
   */
  readonly lastSyncAt: Date | undefined
}

/** Tells the listeners of an appender what happened, each in a later turn, and keeps count of it. */
export class AppenderReport {
  readonly #emitter: EventEmitter<FileAppenderEvents>
  #pruned = 0
  #archived = 0
  #errors = 0
  #lastError: RollkeeperError | undefined

  /** @param emitter the appender. */
  constructor(emitter: EventEmitter<FileAppenderEvents>) {
    this.#emitter = emitter
  }

  /** How much of it there was so far. */
  get counts(): Pick<FileAppenderStats, 'pruned' | 'archived' | 'errors' | 'lastError'> {
    return {
      pruned: this.#pruned,
      archived: this.#archived,
      errors: this.#errors,
      lastError: this.#lastError,
    }
  }

  /** An event that is not counted here. */
  tell<Name extends keyof FileAppenderEvents>(
    event: Name,
    ...told: FileAppenderEvents[Name]
  ): void {
    setImmediate(() => (this.#emitter as EventEmitter).emit(event, ...told))
  }

  /** A backup was compressed. */
  archived(archive: Backup): void {
    this.#archived++
    this.tell('archive', archive)
  }

  /** Backups were removed; oldest first. */
  pruned(backups: Backup[]): void {
    this.#pruned += backups.length
    this.tell('prune', backups)
  }

  /** Something failed that the appender survives. */
  warn(error: RollkeeperError): void {
    this.#count(error)
    this.tell('warning', error)
  }

  /** What was promised may not hold. Nobody has to listen for that: an appender ends no process. */
  fail(error: RollkeeperError): void {
    this.#count(error)
    setImmediate(() => {
      const isHeard = this.#emitter.listenerCount('error') > 0
      this.#emitter.emit(isHeard ? 'error' : 'warning', error)
    })
  }

  #count(error: RollkeeperError): void {
    this.#errors++
    this.#lastError = error
  }
}
