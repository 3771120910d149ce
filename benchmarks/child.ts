import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** Far longer than any of the measurements takes. */
const TIMEOUT_MS = 300_000

/**
 * Runs a program in a process of its own, whose heap and compiled code are fresh.
 *
 * @param program gets the task as JSON, its only argument, and prints its result as JSON.
 * @returns that result.
 * @throws where it fails, or takes five minutes; what it says goes to our standard error.
 */
export function runChild(program: URL, task: object): unknown {
  const args = [fileURLToPath(program), JSON.stringify(task)]
  const printed = execFileSync(process.execPath, args, {
    encoding: 'utf8',
    env: { ...process.env, TZ: 'UTC' },
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: TIMEOUT_MS,
  })
  return JSON.parse(printed)
}
