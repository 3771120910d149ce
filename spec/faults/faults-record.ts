import type { FaultRun } from './fault-run.js'
import { FAULT_POINTS, formatFault, type Fault } from './fault-points.js'

/** Codes that were reported, by the call that failed and by its error. */
export type ReportedCodes = Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>

/** A run that was not survived. */
export interface Failure {
  readonly scenario: string
  /** As `formatFault` writes them. */
  readonly faults: readonly string[]
  readonly problems: readonly string[]
}

/** How many runs there were, and how many of them were survived. */
export interface Count {
  readonly runs: number
  readonly survivors: number
}

/** What came of the runs of one scenario. */
export interface ScenarioRecord extends Count {
  readonly name: string
  /** Calls that it makes of the disk where nothing fails: each is a point for faults. */
  readonly points: number
}

/** What is kept of a whole product; `docs/faults.md` is made of it. */
export interface FaultsRecord {
  readonly scenarios: readonly ScenarioRecord[]
  readonly reported: ReportedCodes
  /** Runs with two faults at a time. */
  readonly pairs: Count
  /** Runs of the sample on a disk that is no memory. */
  readonly sample: Count
  readonly failures: readonly Failure[]
}

/** Where nobody was told, because nothing was lost and nothing has to be done. */
const NOTHING = 'nothing'

/** Where a caller was handed the very error that the call gave. */
const ITSELF = 'itself'

/** Counts runs, and remembers what was reported. */
export class Tally {
  readonly failures: Failure[] = []
  #runs = 0
  readonly #reported = new Map<string, Map<string, Set<string>>>()

  /** So many runs were counted. */
  get runs(): number {
    return this.#runs
  }

  /** What was reported, in the order of the alphabet. */
  get reported(): ReportedCodes {
    return recordOf(this.#reported, codes => recordOf(codes, told => [...told].toSorted(byName)))
  }

  /** Counts a run. */
  add(scenario: string, faults: readonly Fault[], { problems, codes }: FaultRun): void {
    this.#runs++
    if (problems.length > 0) {
      this.failures.push({ scenario, faults: faults.map(formatFault), problems })
    }
    const [fault, ...others] = faults
    // What a dead disk makes everybody say tells nothing of this call; nor does what two calls do.
    if (fault && others.length === 0 && fault.lasting !== 'dead') {
      this.#note(fault.call, fault.code, codes)
    }
  }

  /** Adds what another tally counted. */
  merge({ runs, reported, failures }: Pick<Tally, 'runs' | 'reported' | 'failures'>): void {
    this.#runs += runs
    this.failures.push(...failures)
    for (const [call, codes] of Object.entries(reported)) {
      for (const [code, told] of Object.entries(codes)) {
        this.#note(call, code, told)
      }
    }
  }

  #note(call: string, code: string, told: readonly string[]): void {
    const codes = this.#reported.get(call) ?? new Map<string, Set<string>>()
    const all = codes.get(code) ?? new Set()
    for (const one of told.length > 0 ? told : [NOTHING]) all.add(one)
    this.#reported.set(call, codes.set(code, all))
  }
}

/** The document, made of a record and of the list of fault points alone. */
export function formatDocument(record: FaultsRecord): string {
  const { scenarios, pairs, sample } = record
  const sum = (of: (one: ScenarioRecord) => number): number =>
    scenarios.reduce((total, one) => total + of(one), 0)
  const points = sum(one => one.points)
  const runs = sum(one => one.runs)
  const survivors = sum(one => one.survivors)
  return `<!-- Made by \`npm run test:faults\`; not to be changed by hand. -->

# Faults

Every call that rollkeeper makes of the disk was made to fail, with each error that it can really give. Each row of the first
table is a short life of a log. It is run once to count its calls; then again and again, and in each of these runs the k-th call
fails, for every k:

- with each of its errors (the second table), and where it writes or reads, by taking or giving fewer bytes than it was asked for;
- without any effect, and again after it took effect all the same, as network file systems do; where it writes, also after a part;
- once, three times, and for good; and once more with the whole disk gone from that call on.

After each run the disk is healthy again, and one check looks at the directory: every acknowledged record is there exactly once,
a rejected one at most once, and what is missing was reported; all are whole and in their order; nothing foreign was touched; what
is held is there. Then the log is opened anew, goes on, rotates and closes, leaving nothing behind, and the check is made again.
No descriptor and no timer may be left, nothing may be tried without end, and no error may reach a user that is not documented.
Under durability \`'sync'\` each record is also looked for when it is acknowledged: a sync of its file that succeeded, with none that
failed before, and one of its directory, have to be over.

**${count(survivors)} of ${count(runs)} runs were survived**, at ${count(points)} fault points. Of a sample on the file system of a
disk, with its thread pool, ${count(sample.survivors)} of ${count(sample.runs)}.

Two faults at a time, of different calls, were tried in ${count(pairs.runs)} runs besides, chosen among all pairs by a fixed lot;
${count(pairs.survivors)} were survived. Calls that come only after another one has failed do so where that lasts, or in these pairs:
${onlyAfterOthers(record.reported)}.

## Runs

${table(
  ['scenario', 'fault points', 'runs', 'survivors'],
  [
    ...scenarios.map(one => [one.name, count(one.points), count(one.runs), count(one.survivors)]),
    ['**all**', count(points), count(runs), count(survivors)],
  ],
)}

## Errors, and what is reported

What an error of a call made the appender report in any of its runs, by rejection or by event, without the prefix
\`ERR_ROLLKEEPER_\`; [errors.md](errors.md) tells of each code. "${ITSELF}": a caller of \`backups\` or \`prune\` was handed the
system's own error. "${NOTHING}": in some run nobody was told, because the fault was made good at once, or changed nothing.

${table(['call', 'error', 'reported'], reportedRows(record.reported))}

## Where the errors come from

${table(
  ['call', 'errors', 'source'],
  Object.entries(FAULT_POINTS).map(([call, { codes, source }]) => [
    `\`${call}\``,
    codes.join(' '),
    source,
  ]),
)}

## Not survived

${formatFailures(record.failures)}
`
}

/** Calls that no scenario makes where nothing fails. */
function onlyAfterOthers(reported: ReportedCodes): string {
  const calls = Object.keys(FAULT_POINTS).filter(call => !(call in reported))
  return calls.length === 0 ? 'there are none' : calls.map(call => `\`${call}\``).join(', ')
}

function formatFailures(failures: readonly Failure[]): string {
  if (failures.length === 0) return 'None.'
  const rows = failures.map(({ scenario, faults, problems }) => [
    scenario,
    faults.map(fault => `\`${fault}\``).join(', '),
    problems.join('; '),
  ])
  return table(['scenario', 'fault', 'what happens'], rows)
}

/** Errors of a call that are reported alike share a row. */
function reportedRows(reported: ReportedCodes): string[][] {
  return Object.entries(reported).flatMap(([call, codes]) => {
    const alike = new Map<string, string[]>()
    for (const [code, told] of Object.entries(codes)) {
      const ours = told.filter(one => one !== code && one !== NOTHING).map(shortCode)
      const others = [told.includes(code) ? ITSELF : '', told.includes(NOTHING) ? NOTHING : '']
      const text = [...ours.toSorted(byName), ...others.filter(Boolean)].join(' ')
      alike.set(text, [...(alike.get(text) ?? []), code])
    }
    return [...alike].map(([text, some]) => [`\`${call}\``, some.join(' '), text])
  })
}

function shortCode(code: string): string {
  return code.startsWith('ERR_ROLLKEEPER_') ? code.slice('ERR_ROLLKEEPER_'.length) : code
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((_, column) =>
    Math.max(3, ...[head, ...rows].map(row => row[column]?.length ?? 0)),
  )
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  const rule = `| ${widths.map(width => '-'.repeat(width)).join(' | ')} |`
  return [line(head), rule, ...rows.map(line)].join('\n')
}

function count(number: number): string {
  return String(number).replace(/\B(?=(?:\d{3})+$)/g, ',')
}

function recordOf<From, To>(
  map: ReadonlyMap<string, From>,
  make: (from: From) => To,
): Record<string, To> {
  const entries = [...map].toSorted(([one], [other]) => byName(one, other))
  return Object.fromEntries(entries.map(([name, from]) => [name, make(from)]))
}

function byName(one: string, other: string): number {
  return one < other ? -1 : Number(one > other)
}
