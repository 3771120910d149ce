#!/usr/bin/env node
import { createRequire } from 'node:module'
import { Command, CommanderError } from 'commander'
import { holdCommand, releaseCommand } from './hold-command.js'
import { listCommand } from './list-command.js'
import { pruneCommand } from './prune-command.js'
import { report, surviveClosedStandardError, UsageError, type ExitCode } from './report.js'
import { writeCommand } from './write-command.js'

/** One for each command, which is told whom to tell how it ended. */
const COMMANDS: readonly ((finish: (code: ExitCode) => void) => Command)[] = [
  writeCommand,
  listCommand,
  pruneCommand,
  holdCommand,
  releaseCommand,
]

surviveClosedStandardError()
// Help and listings may be piped to a program that reads only their beginning.
process.stdout.on('error', () => undefined)
process.exitCode = await run(process.argv)

async function run(argv: readonly string[]): Promise<ExitCode> {
  let code: ExitCode = 0
  const program = programOf(COMMANDS.map(command => command(ended => (code = ended))))
  try {
    await program.parseAsync(argv)
    return code
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0 // --help, --version
    report(error instanceof CommanderError ? messageOf(error) : error)
    return error instanceof CommanderError || error instanceof UsageError ? 2 : 1
  }
}

function programOf(commands: readonly Command[]): Command {
  const program = new Command('rollkeeper')
    .description('An audit log that keeps every record: append, rotate, retain.')
    .version(readVersion())
  for (const command of [program, ...commands]) {
    command.exitOverride().configureOutput({ writeErr: () => undefined })
  }
  for (const command of commands) program.addCommand(command)
  program.on('afterHelp', ({ write }: { write: (text: string) => void }) => {
    for (const command of commands) {
      write('\n')
      command.configureOutput({ writeOut: write }).outputHelp()
    }
  })
  return program
}

function messageOf({ code, message }: CommanderError): string {
  if (code === 'commander.help') return 'a command is missing, such as write; see rollkeeper --help'
  return message.replace(/^error: /, '')
}

function readVersion(): string {
  const manifest: { version: string } = createRequire(import.meta.url)('rollkeeper/package.json')
  return manifest.version
}
