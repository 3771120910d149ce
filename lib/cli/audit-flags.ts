import type { Command } from 'commander'
import type { GapRecord } from '../appender/gap.js'
import { auditGapEvent } from '../audit/audit-event.js'
import { auditGapRecord } from '../audit/audit-line.js'
import { UsageError } from './report.js'

/**
 * What becomes of the program that writes while the log cannot be written: it waits; it goes on and
 * records are dropped; or it cannot go on, because the command ends.
 */
export type AuditMode = 'blocking' | 'batch' | 'blocking-strict'

/** The flags that say how an audit is kept, as they were typed; both are kube-apiserver's. */
export interface AuditFlags {
  readonly auditLogFormat?: string
  readonly auditLogMode?: string
}

const MODES: readonly AuditMode[] = ['batch', 'blocking', 'blocking-strict']

/** How a gap is told of in a log of each format. */
const GAP_RECORDS = new Map<string, GapRecord>([
  ['legacy', auditGapRecord],
  ['json', auditGapEvent],
])

/** Gives a command the flags. */
export function addAuditFlags(command: Command): Command {
  return command
    .option('--audit-log-format <legacy|json>', 'how a gap is told of: an AUDIT line, or JSON')
    .option('--audit-log-mode <mode>', 'batch, blocking or blocking-strict (default: blocking)')
}

/** @throws UsageError that names the flag. */
export function parseAuditMode({ auditLogMode = 'blocking' }: AuditFlags): AuditMode {
  const known = MODES.find(mode => mode === auditLogMode)
  if (known !== undefined) return known
  const expected = `'batch', 'blocking' or 'blocking-strict'`
  throw UsageError.badValue('--audit-log-mode', expected, auditLogMode)
}

/**
 * How a gap is written into the log; undefined, where no format was given, for the appender's way.
 *
 * @throws UsageError that names the flag.
 */
export function parseGapFormat({ auditLogFormat }: AuditFlags): GapRecord | undefined {
  if (auditLogFormat === undefined) return undefined
  const known = GAP_RECORDS.get(auditLogFormat)
  if (known !== undefined) return known
  throw UsageError.badValue('--audit-log-format', `'legacy' or 'json'`, auditLogFormat)
}
