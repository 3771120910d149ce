import { Command } from 'commander'
import { systemPlatform } from '../platform/platform.js'
import {
  countOf,
  listedBackup,
  listForPeople,
  listForPrograms,
  type ListedFile,
} from './file-listing.js'
import { jsonPieces } from './json-text.js'
import { readContents, reportStrayHolds, type LogContents } from './log-contents.js'
import { parseLogPath } from './log-path.js'
import { print } from './output.js'
import type { ExitCode } from './report.js'

const AFTER_HELP = `
The path is the active file, which need not be there if a backup is. It comes first, then the
backups, newest first. The age of a backup counts from the time in its name, that of the active file
from when it was made. Nothing is opened for writing, made or changed.

Where standard output is no terminal, each line has the path, the bytes, the time (ISO 8601, UTC),
the state and the reason of a hold, with tabs between. Controls within names and reasons are shown
as \\x1b, \\n and the like; --json has them exactly.

Exit codes:
  0   done
  1   there is no such log, or it cannot be read
  2   usage: an unknown option, no path
`

/**
 * The command `rollkeeper ls`: what there is of a log.
 *
 * @param finish is told how it ended.
 */
export function listCommand(finish: (code: ExitCode) => void): Command {
  return new Command('ls')
    .description('List a log: its active file and its backups, with size, age, state and holds.')
    .argument('<path>', 'the active file')
    .option('--json', `print { "active": …, "backups": [ … ] }`)
    .addHelpText('after', AFTER_HELP)
    .action(async (path: string, { json }: { json?: true }) => {
      await list(parseLogPath(path), json ? 'json' : 'listing')
      finish(0)
    })
}

async function list(path: string, form: 'json' | 'listing'): Promise<void> {
  const contents = await readContents(systemPlatform, path)
  reportStrayHolds(contents)
  const { active, backups } = contents
  if (form === 'json') await print(jsonPieces({ active: active ?? null }, 'backups', backups))
  else if (process.stdout.isTTY) await print(listedForPeople(contents))
  else await print(listForPrograms(filesOf(contents)))
}

function listedForPeople(contents: LogContents): Iterable<string> {
  const files = filesOf(contents)
  const held = contents.backups.filter(backup => backup.held !== undefined).length
  return listForPeople(files, 'HELD', systemPlatform.clock.now(), [
    countOf(files.length, 'file'),
    held === 0 ? '' : `${held} held`,
  ])
}

function filesOf({ active, backups }: LogContents): ListedFile[] {
  const files = backups.map(backup => listedBackup(backup, backup.held ?? ''))
  if (!active) return files
  const { path, bytes, openedAt } = active
  return [{ path, bytes, time: openedAt, state: 'active', note: '' }, ...files]
}
