import { dirname } from 'node:path'
import { Command } from 'commander'
import type { Backup } from '../backup/backup.js'
import { rivalPath } from '../backup/backup-name.js'
import { systemPlatform } from '../platform/platform.js'
import { TimeSlice } from '../platform/time-slice.js'
import { Prune } from '../retention/prune.js'
import { select } from '../retention/selection.js'
import {
  countOf,
  listedBackup,
  listForPeople,
  listForPrograms,
  totalBytes,
} from './file-listing.js'
import { jsonPieces } from './json-text.js'
import { readContents, reportStrayHolds } from './log-contents.js'
import { parseLogPath } from './log-path.js'
import { print } from './output.js'
import { report, UsageError, type ExitCode } from './report.js'
import {
  addKubeRetentionFlags,
  addRetentionFlags,
  parseRetentionRules,
  type RetentionFlags,
} from './retention-flags.js'
import { formatSize } from './size-text.js'

/** The options of `rollkeeper prune` as they were typed. */
interface PruneFlags extends RetentionFlags {
  readonly dryRun?: true
  readonly json?: true
}

/** Backups that go, or went, and what there was. */
interface Pruned {
  /** Oldest first. */
  readonly backups: readonly Backup[]
  /** The flag of the rule that gave each up. */
  readonly rules: ReadonlyMap<Backup, string>
  /** How many backups there were, and how many of them are held. */
  readonly outOf: number
  readonly held: number
  /** Whether all that were to go are gone, but for those held or removed by others meanwhile. */
  readonly code: ExitCode
}

const AFTER_HELP = `
At least one limit has to be given. A backup goes if any of them gives it up; the first one that
does is named. A backup that is held stays, and only an age may take the newest. Ages count from the
times in the names. The active file is never touched.

Works beside a program that writes the log: what vanishes meanwhile is passed over, and holds are
looked for again right before each backup goes. The limits of that program stay as they are.

On a terminal a table tells what goes, and by which rule, oldest first. Elsewhere each line has the
path, the bytes, the time (ISO 8601, UTC), the state and the rule, with tabs between, and the sum is
told on standard error; a prune that had nothing to do says nothing there.

Exit codes:
  0   done
  1   a backup could not be removed; or there is no such log, or it cannot be read; or its backups
      may be those of another log ('audit' and 'audit.gz')
  2   usage: an unknown option, a wrong value, no path, no limit

Example:
  rollkeeper prune --dry-run /var/log/audit.log --max-age=30d --max-total-size=10GiB
`

/**
 * The command `rollkeeper prune`: removes backups by limits given by hand.
 *
 * @param finish is told how it ended.
 */
export function pruneCommand(finish: (code: ExitCode) => void): Command {
  const command = new Command('prune')
    .description('Remove the backups of a log that limits give up, or tell which would go.')
    .argument('<path>', 'the active file, which need not be there')
    .option('--dry-run', 'tell what would go, and remove nothing')
    .option('--json', 'print { "dryRun": …, "bytes": …, "pruned": [ … ] }')
  return addKubeRetentionFlags(addRetentionFlags(command))
    .addHelpText('after', AFTER_HELP)
    .action(async (path: string, flags: PruneFlags) => finish(await runPrune(path, flags)))
}

async function runPrune(argument: string, flags: PruneFlags): Promise<ExitCode> {
  const path = parseLogPath(argument)
  const planned = await plan(path, flags)
  const pruned = flags.dryRun ? planned : await carryOut(path, planned)
  await tell(pruned, flags)
  return pruned.code
}

/** What the limits give up of what there is. */
async function plan(path: string, flags: PruneFlags): Promise<Pruned> {
  const rules = parseRetentionRules(flags)
  if (rules.length === 0) {
    const limits = '--max-backups, --max-age, --max-total-size, --keep-free'
    throw new UsageError(`a limit is missing: give at least one of ${limits}`)
  }
  const contents = await readContents(systemPlatform, path)
  reportStrayHolds(contents)
  refuseRival(path, flags)
  const all = contents.backups
  const { clock, disk } = systemPlatform
  const moment = {
    now: new Date(clock.now()),
    freeBytes: flags.keepFree === undefined ? Infinity : await disk.freeBytes(dirname(path)),
  }
  const givenUp = await select(rules, all, moment, new TimeSlice())
  const backups = all.filter(backup => givenUp.has(backup)).toReversed()
  const held = all.filter(backup => backup.held !== undefined).length
  return { backups, rules: givenUp, outOf: all.length, held, code: 0 }
}

/** Of two logs whose backups have the same names, nobody can tell whose they are. */
function refuseRival(path: string, { dryRun }: PruneFlags): void {
  const rival = rivalPath(path)
  if (rival === undefined || !systemPlatform.disk.lstat(rival)?.isFile()) return
  const error = new Error(`${path}: its backups may be those of ${rival}, so none is pruned`)
  if (!dryRun) throw error
  report(error)
}

/** Removes what was planned, and nothing that the limits would give up a moment later. */
async function carryOut(path: string, planned: Pruned): Promise<Pruned> {
  let code: ExitCode = 0
  const policy = (backups: readonly Backup[]): Backup[] =>
    backups.filter(backup => planned.rules.has(backup))
  const prune = new Prune(systemPlatform, dirname(path), [{ name: 'plan', policy }], {
    pruned: () => undefined,
    warn(error) {
      report(error)
      code = 1
    },
    due: () => undefined,
    abandon: () => Promise.resolve(),
  })
  const backups = await prune.remove(() => Promise.resolve(planned.backups.toReversed()))
  prune.stop()
  return { ...planned, backups, code }
}

async function tell(pruned: Pruned, flags: PruneFlags): Promise<void> {
  const { backups, rules } = pruned
  const dryRun = flags.dryRun ?? false
  const ruleOf = (backup: Backup): string => rules.get(backup) ?? ''
  const files = backups.map(backup => listedBackup(backup, ruleOf(backup)))
  if (flags.json) {
    const list = backups.map(backup => ({ ...backup, rule: ruleOf(backup) }))
    return print(jsonPieces({ dryRun, bytes: totalBytes(backups) }, 'pruned', list))
  }
  const sum = sumOf(pruned, dryRun)
  if (process.stdout.isTTY) {
    if (files.length > 0) await print(listForPeople(files, 'RULE', systemPlatform.clock.now()))
    return print([`${sum}\n`])
  }
  await print(listForPrograms(files))
  if (dryRun || files.length > 0) report(sum)
}

function sumOf({ backups, outOf, held }: Pruned, dryRun: boolean): string {
  const what = dryRun ? 'would prune' : 'pruned'
  const size = formatSize(totalBytes(backups))
  const spared = held > 0 ? `; ${held} held` : ''
  return `${what} ${backups.length} of ${countOf(outOf, 'backup')}, ${size}${spared}`
}
