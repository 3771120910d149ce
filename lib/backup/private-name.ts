import { basename, dirname, join } from 'node:path'

/** Ending of the name that a file has between being active and being a backup. */
const PRIVATE_EXTENSION = '.rotating'

/**
 * The name that a file has between being active and being a backup: `.audit.log.rotating`, or, for
 * rotations that begin before the one before them has ended, `.audit.log.rotating.2` and so on.
 *
 * @param path the active file.
 * @param number from 1 on.
 */
export function privatePath(path: string, number = 1): string {
  const name = `.${basename(path)}${PRIVATE_EXTENSION}`
  return join(dirname(path), number === 1 ? name : `${name}.${number}`)
}

/** The number of a private name of a log; undefined for every other name. */
export function privateNumber(path: string, name: string): number | undefined {
  const first = basename(privatePath(path))
  if (!name.startsWith(first)) return undefined
  const rest = name.slice(first.length)
  if (rest === '') return 1
  return /^\.(?:[2-9]|[1-9]\d{1,8})$/.test(rest) ? Number(rest.slice(1)) : undefined
}
