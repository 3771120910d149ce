/** Records that could not be kept, in one stretch. */
export interface Gap {
  /** How many records. */
  readonly records: number
  /** How many bytes they would have been in the file. */
  readonly bytes: number
  /** Why: the system's code, such as `ENOSPC`. */
  readonly why: string
}

/** How a gap is written into the log, so that it tells of its own loss. */
export function formatGap(gap: Gap, now: number): string {
  const { records, bytes, why } = gap
  const time = new Date(now).toISOString()
  return `${time} rollkeeper: gap records=${records} bytes=${bytes} why=${JSON.stringify(why)}\n`
}
