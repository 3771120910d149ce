import { Command } from 'commander'
import { findBackup, removeHolds, writeHold } from '../backup/hold.js'
import { systemPlatform } from '../platform/platform.js'
import { reasonOf } from '../platform/rollkeeper-error.js'
import { parseBackupArguments, type NamedBackup } from './backup-argument.js'
import { print } from './output.js'
import { report, UsageError, type ExitCode } from './report.js'
import { visible } from './visible-text.js'

/**
 * A prune in another process that saw no hold just before ours was there removes the backup now.
 * After this long it has, unless it was stopped in between.
 */
const LOOK_AGAIN_MS = 200

const NAMES_HELP = `
Give the files of backups, or the path of their log and then their names. A backup that is
compressed now, or will be, is the same backup.
`

const EXIT_CODES = `
Exit codes:
  0   done
  1   there is no such backup, or the system refuses
  2   usage: not the name of a backup, `

const AFTER_HOLD_HELP = `${NAMES_HELP}
The reason is all that comes behind; 'rollkeeper ls' shows it. Another one replaces it. The hold is
the file <backup>.hold, and is on stable storage when this returns. The log may be in use.
${EXIT_CODES}no reason

Examples:
  rollkeeper hold /var/log/audit-2016-09-07T13-03-57.400.log legal case 4711
  rollkeeper hold /var/log/audit.log audit-2016-09-07T13-03-57.400.log legal case 4711
`

const AFTER_RELEASE_HELP = `${NAMES_HELP}
What is not held may be released all the same.
${EXIT_CODES}or no name
`

/**
 * The command `rollkeeper hold`: exempts backups from pruning.
 *
 * @param finish is told how it ended.
 */
export function holdCommand(finish: (code: ExitCode) => void): Command {
  return new Command('hold')
    .description('Exempt backups of a log from pruning, and say why.')
    .usage('[options] [path] <backup...> <why...>')
    .argument('<backup...>', 'backups, and behind them the reason')
    .addHelpText('after', AFTER_HOLD_HELP)
    .action(async (words: string[]) => {
      const { backups, rest } = parseBackupArguments(systemPlatform.disk, words)
      const why = rest.join(' ').trim()
      if (why === '') throw new UsageError('why is missing: say why it is held')
      finish(await hold(backups, why))
    })
}

/**
 * The command `rollkeeper release`: undoes `hold`.
 *
 * @param finish is told how it ended.
 */
export function releaseCommand(finish: (code: ExitCode) => void): Command {
  return new Command('release')
    .description('Let backups of a log be pruned again.')
    .usage('[options] [path] <backup...>')
    .argument('<backup...>', 'backups')
    .addHelpText('after', AFTER_RELEASE_HELP)
    .action(async (words: string[]) => {
      const { backups, rest } = parseBackupArguments(systemPlatform.disk, words)
      const [other] = rest
      if (other !== undefined) throw UsageError.badValue('backup', 'the name of a backup', other)
      finish(await eachOf(backups, 'release', release))
    })
}

async function hold(backups: readonly NamedBackup[], why: string): Promise<ExitCode> {
  const held: NamedBackup[] = []
  const code = await eachOf(backups, 'hold', async backup => {
    await makeHold(backup, why)
    held.push(backup)
  })
  if (held.length === 0) return code
  await new Promise<void>(resolve => {
    systemPlatform.clock.after(LOOK_AGAIN_MS, resolve, 'keeps alive')
  })
  const checked = await eachOf(held, 'hold', async backup => {
    await checkHold(backup)
    await print([`held ${visible(backup.path)}: ${visible(why)}\n`])
  })
  return code === 0 ? checked : code
}

async function makeHold(backup: NamedBackup, why: string): Promise<void> {
  const file = findBackup(systemPlatform.disk, backup)
  if (!file) throw new Error('there is no such backup')
  await writeHold(systemPlatform.disk, backup.active, file, why)
}

async function checkHold(backup: NamedBackup): Promise<void> {
  if (findBackup(systemPlatform.disk, backup)) return
  await removeHolds(systemPlatform.disk, backup)
  throw new Error('it was pruned in this moment')
}

async function release(backup: NamedBackup): Promise<void> {
  const wasHeld = await removeHolds(systemPlatform.disk, backup)
  if (!wasHeld && !findBackup(systemPlatform.disk, backup))
    throw new Error('there is no such backup')
  const path = visible(backup.path)
  await print([wasHeld ? `released ${path}\n` : `${path} was not held\n`])
}

/** Does it for each; what fails is reported, and the others are done all the same. */
async function eachOf(
  backups: readonly NamedBackup[],
  what: string,
  act: (backup: NamedBackup) => Promise<void>,
): Promise<ExitCode> {
  let code: ExitCode = 0
  for (const backup of backups) {
    try {
      await act(backup)
    } catch (error) {
      report(`cannot ${what} ${backup.path} (${reasonOf(error)})`)
      code = 1
    }
  }
  return code
}

/** A backup as it is now, whether it was compressed since it was named or not. */
