import fs from 'node:fs'
import os from 'node:os'
import type { Grid } from './grid.js'
import { median, type Scale } from './measure.js'

/** Of speeds, where more is better, and of memory and times, where less is. */
export type Unit = 'lines/s' | 'requests/s' | 'MB/s' | 'MB' | 'µs'

/** What is asked of a measurement, before it is made. */
export interface Question {
  readonly title: string
  /** What the rows have in common, in sentences: their durability above all. */
  readonly about: string
  readonly unit: Unit
  /** Name of the row that the ratios are to. */
  readonly reference: string
  readonly wanted: Wanted
  /** Figures of other rows; none if left out. */
  readonly alsoWanted?: readonly Wanted[]
}

/** The figure that a row shall reach. One of the bounds is given. */
export interface Wanted {
  readonly row: string
  readonly ratioAtLeast?: number
  readonly ratioAtMost?: number
  readonly valueAtLeast?: number
  readonly valueAtMost?: number
}

/** One row of an answer: what was measured in each round, in the unit of the question. */
export interface Row {
  readonly name: string
  readonly rounds: readonly number[]
}

/** How much was measured: requests of a turn, where lines are not what is counted. */
export type AnswerScale = Scale | (Omit<Scale, 'lines'> & { readonly requests: number })

/** A question and what was measured, ours first. */
export interface Answer {
  readonly question: Question
  readonly scale: AnswerScale
  readonly rows: readonly Row[]
}

/** The machine of a run, by what matters for the figures. */
export interface Machine {
  readonly node: string
  readonly platform: string
  readonly cpu: string
  readonly cpus: number
  readonly memoryGiB: number
  /** Of the temporary directory, where the files were. */
  readonly fileSystem: string
  /** Mean number of tasks that wanted a core in the minute before the run: what others were at. */
  readonly loadBefore: number
}

/** One run of one benchmark: a file in `benchmarks/record/`. */
export interface BenchRecord {
  readonly title: string
  /** The day of the run, UTC. */
  readonly date: string
  readonly machine: Machine
  readonly answers: readonly (Answer | Grid)[]
}

/** Joins a question with the speeds or sizes that were measured, in their order. */
export function answer(
  question: Question,
  scale: AnswerScale,
  measured: ReadonlyMap<string, readonly number[]>,
): Answer {
  const rows = [...measured].map(([name, rounds]) => ({ name, rounds: rounds.map(toSixDigits) }))
  return { question, scale, rows }
}

/** The middle one of the rounds of the row by this name. */
export function typical(given: Answer, name: string): number {
  return median(roundsOf(given, name))
}

/** The middle one of a row's ratios to the reference in the same round: what drifts cancels out. */
export function typicalRatio(given: Answer, name: string): number {
  const reference = roundsOf(given, given.question.reference)
  return median(roundsOf(given, name).map((value, round) => value / (reference[round] ?? NaN)))
}

/** Whether an answer has a figure that was wanted; by default the one of its question. */
export function isMet(given: Answer, wanted: Wanted = given.question.wanted): boolean {
  const value = typical(given, wanted.row)
  const ratio = typicalRatio(given, wanted.row)
  return (
    ratio >= (wanted.ratioAtLeast ?? 0) &&
    ratio <= (wanted.ratioAtMost ?? Infinity) &&
    value >= (wanted.valueAtLeast ?? 0) &&
    value <= (wanted.valueAtMost ?? Infinity)
  )
}

/** Describes the machine that this runs on, without its name. */
export function describeMachine(): Machine {
  const cpus = os.cpus()
  return {
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cpu: (cpus[0]?.model ?? 'unknown').replaceAll(/\s+/g, ' ').trim(),
    cpus: cpus.length,
    memoryGiB: Math.round(os.totalmem() / 1024 ** 3),
    fileSystem: fileSystemName(fs.statfsSync(os.tmpdir()).type),
    loadBefore: Math.round((os.loadavg()[0] ?? 0) * 10) / 10,
  }
}

/** Magic numbers of file systems, from statfs(2). */
const FILE_SYSTEMS: ReadonlyMap<number, string> = new Map([
  [0xef53, 'ext4'],
  [0x01021994, 'tmpfs'],
  [0x58465342, 'xfs'],
  [0x9123683e, 'btrfs'],
  [0x794c7630, 'overlayfs'],
  [0x2fc12fc1, 'zfs'],
])

function fileSystemName(type: number): string {
  return FILE_SYSTEMS.get(type) ?? `of type 0x${type.toString(16)}`
}

function roundsOf({ rows }: Answer, name: string): readonly number[] {
  const row = rows.find(candidate => candidate.name === name)
  if (!row) throw new RangeError(`there is no row ${name}`)
  return row.rounds
}

function toSixDigits(value: number): number {
  return Number(value.toPrecision(6))
}
