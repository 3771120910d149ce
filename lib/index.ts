export type { DurationLike } from './arguments/duration.js'
export type { ByteSize } from './arguments/byte-size.js'
export { RollkeeperError, type RollkeeperErrorCode } from './platform/rollkeeper-error.js'
export { formatBackupName, parseBackupName, type BackupName } from './backup/backup-name.js'
export type { Backup } from './backup/backup.js'
export {
  firstOf,
  maxSize,
  type ActiveFile,
  type RotationLimits,
  type RotationPolicy,
} from './rotation/rotation-policy.js'
export { daily, every, type DailyOptions, type EveryOptions } from './rotation/time-policy.js'
export type { Recovery } from './rotation/recovery.js'
export {
  keepFor,
  keepFree,
  keepNewest,
  keepWithin,
  type RetentionMoment,
  type RetentionPolicy,
} from './retention/retention-policy.js'
export type { FileAppenderEvents, FileAppenderStats } from './appender/appender-report.js'
export type { OnFull } from './appender/delivery.js'
export type { ReopenReason } from './appender/file-sequence.js'
export type { Gap, GapRecord } from './appender/gap.js'
export type { Compression, Durability, FileAppenderOptions, Processes } from './appender/options.js'
export type { AuditRecord } from './appender/write-queue.js'
export { FileAppender } from './appender/file-appender.js'
