import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** Far longer than any of the measurements takes. */
const TIMEOUT_MS = 300_000

/**
 * Runs a program of this folder in a process of its own, whose heap and compiled code are fresh.
 *
 * @param program its file name. It gets the task as JSON, and prints its result as JSON.
 * @throws where it fails, or takes five minutes; what it says goes to our standard error.
 */
export function runChild<Result>(program: string, task: object): Result {
  const path = fileURLToPath(new URL(program, import.meta.url))
  const printed = execFileSync(process.execPath, [path, JSON.stringify(task)], {
    encoding: 'utf8',
    env: { ...process.env, TZ: 'UTC' },
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: TIMEOUT_MS,
  })
  const result: Result = JSON.parse(printed)
  return result
}
