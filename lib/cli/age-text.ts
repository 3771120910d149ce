import { millisecondsInDay, millisecondsInHour, millisecondsInMinute } from 'date-fns/constants'

const UNITS: readonly (readonly [name: string, ms: number])[] = [
  ['d', millisecondsInDay],
  ['h', millisecondsInHour],
  ['m', millisecondsInMinute],
  ['s', 1000],
]

/**
 * An age for people, in the units of `--max-age`, cut off after the second: `3d 4h`, `12m`, `0s`.
 * What comes from the future has age zero.
 */
export function formatAge(ageMs: number): string {
  const first = UNITS.findIndex(([, ms]) => ageMs >= ms)
  if (first === -1) return '0s'
  let leftMs = ageMs
  const parts: string[] = []
  for (const [name, ms] of UNITS.slice(first, first + 2)) {
    const count = Math.floor(leftMs / ms)
    if (count > 0) parts.push(`${count}${name}`)
    leftMs %= ms
  }
  return parts.join(' ')
}
