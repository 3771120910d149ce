import { spawnSync } from 'node:child_process'
import { runProgram } from '../support/run-program.js'

/** Whether programs cannot be run on a terminal here; prints why. */
export function terminalMissing(): boolean {
  const { status, error } = spawnSync('script', ['-qec', 'test -t 1', '/dev/null'])
  if (status === 0) return false
  console.log(`      skipped: no terminal by util-linux script (${error?.message ?? status})`)
  return true
}

/** Runs a program on a terminal of its own. Returns what it showed there, and how it ended. */
export async function onTerminal(
  command: readonly string[],
): Promise<{ code: number | null; text: string }> {
  const quoted = command.map(word => `'${word}'`).join(' ')
  const { code, stdout } = await runProgram(['script', '-qec', quoted, '/dev/null'])
  return { code, text: stdout }
}
