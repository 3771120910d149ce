import { outOfRange, wrongType } from './argument-error.js'

/** A size: a number of bytes, or text such as `'100MiB'` (1024s) or `'100MB'` (1000s). */
export type ByteSize = number | string

const UNITS: Readonly<Record<string, number>> = {
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
}

const EXPECTED = `a whole number of bytes, at least 1, or a size such as '100MiB' (${Object.keys(UNITS).join(', ')})`

/**
 * Reads a size.
 *
 * Shorter units (`'100M'`, `'100k'`) are refused: half of the world reads them as 1000s, the other
 * half as 1024s, and a limit should not depend on which half wrote the program.
 *
 * @param name how an error calls the argument.
 * @returns a whole number of bytes, at least 1.
 * @throws TypeError for another type, RangeError for a text or a number that is no such size.
 */
export function parseByteSize(name: string, size: ByteSize): number {
  if (typeof size !== 'number' && typeof size !== 'string') throw wrongType(name, EXPECTED, size)
  const bytes = typeof size === 'number' ? size : bytesIn(size)
  if (!Number.isSafeInteger(bytes) || bytes < 1) throw outOfRange(name, EXPECTED, size)
  return bytes
}

function bytesIn(text: string): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?) ?([kMGT]B|[KMGT]iB)$/.exec(text) ?? []
  if (amount === undefined || unit === undefined) return NaN
  const bytes = Number(amount) * (UNITS[unit] ?? NaN)
  // 16.1 kB are 16100 bytes, though their product in binary is a little off.
  const whole = Math.round(bytes)
  return Math.abs(bytes - whole) <= whole * Number.EPSILON ? whole : bytes
}
