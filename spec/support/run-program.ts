import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url))
const DEADLINE_MS = 15_000

/** How a program ended, and what it said. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** A program that runs. */
export interface Running {
  readonly child: ChildProcess
  /** What it said so far. */
  said(): { stdout: string; stderr: string }
  readonly ended: Promise<Ended>
}

/** The command line that runs `rollkeeper` from its sources. */
export const ROLLKEEPER: readonly string[] = [
  process.execPath,
  '--import',
  'tsx',
  `${REPOSITORY}lib/cli/main.ts`,
]

/**
 * Starts a program in the repository's root.
 *
 * @param stdin a descriptor for its standard input; default a pipe, `child.stdin`.
 */
export function startProgram(
  [command = '', ...args]: readonly string[],
  stdin: number | 'pipe' = 'pipe',
): Running {
  const child = spawn(command, args, { cwd: REPOSITORY, stdio: [stdin, 'pipe', 'pipe'] })
  const said = { stdout: '', stderr: '' }
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (said.stdout += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (said.stderr += text))
  child.stdin?.on('error', () => undefined) // the program may end before it has read all
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal, ...said }))
  return { child, said: () => said, ended }
}

/** Runs a program to its end with some input. */
export function runProgram(
  command: readonly string[],
  input: string | Uint8Array = '',
): Promise<Ended> {
  const { child, ended } = startProgram(command)
  child.stdin?.end(input)
  return ended
}

/** Writes to a program's input. Resolved: the system has it. */
export async function feed({ child }: Running, input: string | Uint8Array): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    child.stdin?.write(input, error => (error ? reject(error) : resolve()))
  })
}

/** Resolved when a condition holds; rejected with its name when that takes too long. */
export async function waitFor(what: string, holds: () => boolean): Promise<void> {
  const deadline = process.hrtime.bigint() + BigInt(DEADLINE_MS) * 1_000_000n
  while (!holds()) {
    if (process.hrtime.bigint() > deadline) throw new Error(`waited in vain: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}
