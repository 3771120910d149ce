import type { TimeSlice } from '../platform/time-slice.js'

/** What has a time. */
interface Timed {
  readonly timeMs: number
}

/** Sorted in one go: a tenth of a millisecond. */
const RUN_LENGTH = 1024

/** Sorts by time, the latest first, however many there are, without holding up anybody. */
export async function sortNewestFirst<Item extends Timed>(
  items: readonly Item[],
  slice: TimeSlice,
): Promise<Item[]> {
  let runs: Item[][] = []
  for (let at = 0; at < items.length; at += RUN_LENGTH) {
    if (slice.isOver) await slice.next()
    runs.push(items.slice(at, at + RUN_LENGTH).sort((one, other) => other.timeMs - one.timeMs))
  }
  while (runs.length > 1) {
    const merged: Item[][] = []
    for (let at = 0; at < runs.length; at += 2) {
      merged.push(await mergeNewestFirst(runs[at] ?? [], runs[at + 1] ?? [], slice))
    }
    runs = merged
  }
  return runs[0] ?? []
}

/** Merges two lists that are sorted already; of equal times, those of the first come first. */
export async function mergeNewestFirst<Item extends Timed>(
  ones: readonly Item[],
  others: readonly Item[],
  slice: TimeSlice,
): Promise<Item[]> {
  if (others.length === 0) return ones.slice()
  const merged: Item[] = []
  let at = 0
  for (const other of others) {
    for (let one = ones[at]; one && one.timeMs >= other.timeMs; one = ones[++at]) {
      merged.push(one)
      if (slice.isOver) await slice.next()
    }
    merged.push(other)
    if (slice.isOver) await slice.next()
  }
  while (at < ones.length) merged.push(...ones.slice(at, (at += RUN_LENGTH)))
  return merged
}
