import { inspect } from 'node:util'

/** Longest piece of a wrong value that an error repeats, in characters. */
const SHOWN_MAX = 80

/**
 * The error for an argument of the wrong type. Wrong arguments carry no `code`: they are mistakes
 * of the program, found before anything is done.
 *
 * @param name what was wrong, as its user knows it: `option maxSize`, `append(record)`.
 * @param expected what would have been right, with its unit.
 * @param got what came.
 */
export function wrongType(name: string, expected: string, got: unknown): TypeError {
  return new TypeError(message(name, expected, got))
}

/** The error for an argument of the right type with a value that cannot be; see `wrongType`. */
export function outOfRange(name: string, expected: string, got: unknown): RangeError {
  return new RangeError(message(name, expected, got))
}

function message(name: string, expected: string, got: unknown): string {
  return `${name}: expected ${expected}, got ${shown(got)}`
}

function shown(value: unknown): string {
  const text = inspect(value, { depth: 1, breakLength: Infinity, maxStringLength: SHOWN_MAX })
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text
}
