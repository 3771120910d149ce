import { pipeline } from 'node:stream/promises'
import { Command } from 'commander'
import { RollkeeperError } from '../platform/rollkeeper-error.js'
import { addAuditFlags } from './audit-flags.js'
import { type Destination, LogDestination, StandardOutput } from './destination.js'
import { LineInput } from './line-input.js'
import { type ExitCode, report } from './report.js'
import { addKubeRetentionFlags, addRetentionFlags } from './retention-flags.js'
import { parseWriteFlags, type WriteFlags, type WriteTarget } from './write-options.js'

const STANDARD_INPUT_FD = 0

/** Longest wait of a timer, in milliseconds. */
const LONG_MS = 2 ** 31 - 1

const AFTER_HELP = `
Give each setting in one of its two spellings. Sizes: kB MB GB TB are 1000s, KiB MiB GiB TiB are
1024s. Times: ms, s, m (minutes), h, d (24 hours), w. The path - is standard output: lines are
written through, and nothing rotates; the --audit-log-* settings have no effect then.

With --max-size and --every a file is rotated at whichever comes first. Durability 'flush': a line
is kept when the operating system has it; 'sync': when the disk has it. Archives are made behind.

A line is a record: never split, never joined; a last line without an end gets one. While the disk
is full, --audit-log-mode says what becomes of records, and of the program that writes them:
  blocking          records wait, and so does the program, once 1 MiB is read ahead
  batch             the program never waits: up to 16 MiB of records do, and those past it are
                    dropped, counted, and told of in the log as a gap
  blocking-strict   the first record that cannot be written ends the command at once, with exit
                    code 1: the program cannot go on unrecorded
At the end of the input there is no more waiting: what the limits can spare makes room, and what
finds none is lost.

--audit-log-format says how a gap is told of in the log: legacy, as an AUDIT line; json, as a line
of kind Gap. Without it, as a line of rollkeeper's own. Other lines are kept as they come.

Signals:
  SIGHUP            open the path anew (after logrotate has renamed the file)
  SIGUSR1           rotate now
  SIGTERM, SIGINT   keep what was written to the pipe before, then end

Exit codes:
  0   all was kept
  1   a record was lost, or may have been; or the log could not be opened
  2   usage: an unknown option, a wrong value, no path

Example:
  some-program | rollkeeper write --path=/var/log/audit.log --max-size=100MiB --max-age=30d
`

/**
 * The command `rollkeeper write`: standard input, line by line, into a log.
 *
 * @param finish is told how it ended.
 */
export function writeCommand(finish: (code: ExitCode) => void): Command {
  const command = new Command('write')
    .description('Append each line of standard input to an audit log; rotate it, keep its backups.')
    .option('--path <file>', 'the active file, made if missing; - is standard output')
    .option('--max-size <size>', `rotate before the file gets larger: '100MiB' (default: no limit)`)
    .option(
      '--every <time>',
      `rotate at even times of the clock: '15m', '1h', '1d' (default: never)`,
    )
    .option('--time-zone <zone>', `by whose clock: 'Europe/Berlin' (default: UTC)`)
  addRetentionFlags(command)
    .option('--compress [gzip:level]', 'make archives; 1 is fast, 9 small (default: none; gzip:6)')
    .option('--durability <flush|sync>', 'when a line is kept (default: flush)')
    .option('--audit-log-path <file>', `kube-apiserver's name for --path`)
    .option('--audit-log-maxsize <MiB>', 'rotate before it gets larger, in MiB; 0 or absent: 100')
  addKubeRetentionFlags(command).option(
    '--audit-log-compress [bool]',
    'make archives with gzip (default: false)',
  )
  return addAuditFlags(command)
    .addHelpText('after', AFTER_HELP)
    .action(async (flags: WriteFlags) => finish(await runWrite(parseWriteFlags(flags))))
}

/** Resolved when the input is over and everything is kept, or is known not to be. */
async function runWrite(target: WriteTarget): Promise<ExitCode> {
  let destination: Destination
  try {
    destination =
      target === 'standard output'
        ? new StandardOutput()
        : new LogDestination(target.options, target.mode)
  } catch (error) {
    if (!(error instanceof RollkeeperError)) throw error
    report(error)
    return 1
  }
  // What waits while the disk is full waits for a timer that keeps no process alive.
  const alive = setInterval(() => undefined, LONG_MS)
  const input = new LineInput(process.stdin, STANDARD_INPUT_FD)
  listenForSignals(input, destination)
  try {
    return await transfer(input, destination)
  } finally {
    clearInterval(alive)
  }
}

async function transfer(input: LineInput, destination: Destination): Promise<ExitCode> {
  let code: ExitCode = 0
  const fail = (error: unknown): void => {
    report(error)
    code = 1
  }
  const piped = pipeline(input.stream, destination.stream)
  // A destination that fails for good ends the input too: nobody would take it.
  await Promise.race([input.over.catch(fail), piped.catch(() => input.stop())])
  await destination.finish(piped).catch(fail)
  const lost = input.lines - (destination.lines ?? input.lines)
  if (lost > 0) fail(`${lost} of ${input.lines} records were lost`)
  return destination.sound ? code : 1
}

/** They stay to the end: a second signal must not cut short what the first began. */
function listenForSignals(input: LineInput, destination: Destination): void {
  const stop = (): void => input.stop()
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  process.on('SIGHUP', () => void destination.reopen())
  process.on('SIGUSR1', () => void destination.rotate())
}
