import type { Command } from 'commander'
import { rulesOf, type RetentionOptions } from '../appender/options.js'
import { keepFree } from '../retention/retention-policy.js'
import type { RetentionRule } from '../retention/selection.js'
import {
  optionName,
  parseCountFlag,
  parseKubeNumber,
  parseSizeFlag,
  parseTimeFlag,
  refuseBothSpellings,
  type Spelling,
} from './flag-value.js'

/** The flags that say which backups are kept, as they were typed. */
export interface RetentionFlags {
  readonly maxBackups?: string
  readonly maxAge?: string
  readonly maxTotalSize?: string
  readonly keepFree?: string
  readonly auditLogMaxbackup?: string
  readonly auditLogMaxage?: string
}

const DAY_MS = 86_400_000

const SPELLINGS: readonly Spelling<keyof RetentionFlags>[] = [
  { own: 'maxBackups', kube: 'auditLogMaxbackup' },
  { own: 'maxAge', kube: 'auditLogMaxage' },
]

/** Which flags make an option, and so the rule of its name. */
const FLAGS_OF: Readonly<Record<string, readonly (keyof RetentionFlags)[]>> = {
  maxBackups: ['maxBackups', 'auditLogMaxbackup'],
  maxAge: ['maxAge', 'auditLogMaxage'],
  maxTotalSize: ['maxTotalSize'],
  retention: ['keepFree'],
} satisfies Record<keyof RetentionOptions, readonly (keyof RetentionFlags)[]>

/** Gives a command the flags of a retention by our names. */
export function addRetentionFlags(command: Command): Command {
  return command
    .option('--max-backups <number>', 'keep this many backups, 1 or more (default: all)')
    .option('--max-age <time>', `prune backups older than this: '30d' (default: for ever)`)
    .option('--max-total-size <size>', 'keep all backups together within this (default: no limit)')
    .option('--keep-free <size>', 'keep this much of the disk free (default: no limit)')
}

/** Gives a command the flags of a retention by kube-apiserver's names. */
export function addKubeRetentionFlags(command: Command): Command {
  return command
    .option('--audit-log-maxbackup <number>', 'keep this many backups; 0 or absent: all')
    .option('--audit-log-maxage <days>', 'prune backups older than this; 0 or absent: for ever')
}

/**
 * Reads the flags of a retention. kube-apiserver's names have its units, and its meaning of 0.
 *
 * @returns the appender's options; undefined for what sets no limit.
 * @throws UsageError that names the flag.
 */
export function parseRetentionFlags(flags: RetentionFlags): RetentionOptions {
  refuseBothSpellings(flags, SPELLINGS)
  const { maxTotalSize, keepFree: free } = flags
  return {
    maxBackups: backupsOf(flags),
    maxAge: ageOf(flags),
    maxTotalSize:
      maxTotalSize === undefined ? undefined : parseSizeFlag('maxTotalSize', maxTotalSize),
    retention: free === undefined ? undefined : keepFree(parseSizeFlag('keepFree', free)),
  }
}

/**
 * The rules that the flags make, each by the name of its flag, as it was typed.
 *
 * @throws UsageError that names the flag.
 */
export function parseRetentionRules(flags: RetentionFlags): RetentionRule[] {
  return rulesOf(parseRetentionFlags(flags)).map(({ name, policy }) => {
    const typed = (FLAGS_OF[name] ?? []).find(flag => flags[flag] !== undefined)
    return { name: optionName(typed ?? name), policy }
  })
}

function backupsOf({ maxBackups, auditLogMaxbackup }: RetentionFlags): number | undefined {
  if (maxBackups !== undefined) return parseCountFlag('maxBackups', maxBackups)
  const meaning = { of: 'backups', zero: 'all' }
  return parseKubeNumber('auditLogMaxbackup', auditLogMaxbackup, meaning, 1) || undefined
}

function ageOf({ maxAge, auditLogMaxage }: RetentionFlags): { seconds: number } | undefined {
  if (maxAge !== undefined) return { seconds: parseTimeFlag('maxAge', maxAge) / 1000 }
  const meaning = { of: 'days', zero: 'for ever' }
  const days = parseKubeNumber('auditLogMaxage', auditLogMaxage, meaning, DAY_MS)
  return days === 0 ? undefined : { seconds: (days * DAY_MS) / 1000 }
}
