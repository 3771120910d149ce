import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What one contender does in one round. Only its blocks are timed. */
interface Round {
  /** @param index which block of the round this is, from 0. */
  block(index: number): void | Promise<void>
  /** Waits for all work left behind, and closes. */
  close(): void | Promise<void>
}

/** One way of doing the work: ours, or one to compare it with. */
export interface Contender {
  readonly name: string
  /** Opens what a round needs, in an empty directory. */
  open(directory: string): Round
}

/** How much is measured. */
export interface Scale {
  /** Lines of a round, over all its blocks. */
  readonly lines: number
  /** Rounds that are run and thrown away, so that memory and compiled code are warm. */
  readonly warmups: number
  readonly rounds: number
}

/** A measurement: contenders that take turns. */
export interface Trial {
  readonly contenders: readonly Contender[]
  readonly scale: Scale
  /**
   * 1: each contender runs its whole round, one after the other. More: within a round all
   * contenders are open, and take turns after each block, so that what drifts meets all alike.
   */
  readonly blocks: number
  /** Throws unless what a round wrote is right. Every round is checked, warm-ups too. */
  check(directory: string): void
}

/**
 * Runs a trial: in every round each contender, in an order that moves on by one each time.
 *
 * @returns lines per second of each round, by the name of the contender.
 */
export async function measure(trial: Trial): Promise<Map<string, number[]>> {
  const { contenders, scale, blocks } = trial
  const speeds = new Map(contenders.map(({ name }) => [name, [] as number[]]))
  for (let round = 0; round < scale.warmups + scale.rounds; round++) {
    const order = rotated(contenders, round)
    const groups = blocks === 1 ? order.map(contender => [contender]) : [order]
    for (const group of groups) {
      const elapsed = await runRound(group, blocks, trial)
      if (round < scale.warmups) continue
      for (const [name, ms] of elapsed) speeds.get(name)?.push((scale.lines / ms) * 1000)
    }
  }
  return speeds
}

/** The middle value; of an even number of values, the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other)
  const middle = sorted.length / 2
  const upper = sorted[Math.floor(middle)]
  const lower = sorted[Math.ceil(middle) - 1]
  if (upper === undefined || lower === undefined) throw new RangeError('no values, so no median')
  return (lower + upper) / 2
}

/** The same items, beginning with the one at `by`, round and round. */
export function rotated<Item>(items: readonly Item[], by: number): Item[] {
  const from = by % items.length
  return [...items.slice(from), ...items.slice(0, from)]
}

/** Gives a directory of its own to some work, and removes it after. */
export async function inEmptyDirectory<Result>(
  work: (directory: string) => Promise<Result>,
): Promise<Result> {
  const directory = fs.mkdtempSync(join(tmpdir(), 'rollkeeper-bench-'))
  try {
    return await work(directory)
  } finally {
    fs.rmSync(directory, { recursive: true, force: true })
  }
}

function runRound(
  group: readonly Contender[],
  blocks: number,
  trial: Trial,
): Promise<Map<string, number>> {
  return inEmptyDirectory(async parent => {
    const open = group.map((contender, index) => {
      const directory = join(parent, String(index))
      fs.mkdirSync(directory)
      return { name: contender.name, directory, round: contender.open(directory) }
    })
    const elapsed = new Map(open.map(({ name }) => [name, 0]))
    globalThis.gc?.()
    for (let block = 0; block < blocks; block++) {
      for (const { name, round } of rotated(open, block)) {
        const ms = await timed(round, block)
        elapsed.set(name, (elapsed.get(name) ?? 0) + ms)
      }
    }
    for (const { round, directory } of open) {
      await round.close()
      trial.check(directory)
    }
    return elapsed
  })
}

async function timed(round: Round, block: number): Promise<number> {
  const startedMs = performance.now()
  await round.block(block)
  return performance.now() - startedMs
}
