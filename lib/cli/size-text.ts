const UNITS = ['KiB', 'MiB', 'GiB', 'TiB']

/** From here on the next unit says it shorter; below, one decimal would not round up to 1024. */
const NEXT_UNIT = 1023.95

/** A size for people: `512 B`, `100.0 MiB`. */
export function formatSize(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  let amount = bytes / 1024
  let unit = 0
  while (amount >= NEXT_UNIT && unit < UNITS.length - 1) {
    amount /= 1024
    unit++
  }
  return `${amount.toFixed(1)} ${UNITS[unit]}`
}
