import { visible } from './visible-text.js'

/** How the program ends: all was done and kept, something was not, or it was called wrongly. */
export type ExitCode = 0 | 1 | 2

/** A mistake on the command line, in one sentence that names the option. */
export class UsageError extends Error {
  override readonly name = 'UsageError'

  /**
   * A value that an option cannot have.
   *
   * @param option as it was typed, with its dashes.
   * @param expected what would have been right, with its unit.
   */
  static badValue(option: string, expected: string, got: string): UsageError {
    return new UsageError(`${option}: expected ${expected}, got ${JSON.stringify(got)}`)
  }
}

/** Says one thing to the operator: one line on standard error, whatever names are in it. */
export function report(what: unknown): void {
  const text = what instanceof Error ? what.message : String(what)
  process.stderr.write(`rollkeeper: ${visible(text.trim().replace(/\s*\n\s*/g, ' '))}\n`)
}

/** When nobody reads what is reported, that is no reason to stop. */
export function surviveClosedStandardError(): void {
  process.stderr.on('error', () => undefined)
}
