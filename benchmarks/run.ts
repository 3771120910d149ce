import fs from 'node:fs'
import { appendInGroups, appendOneByOne, appendSynced, write } from './append.bench.js'
import { archive } from './archive.bench.js'
import { commit, linesFor, WAITERS } from './commit.bench.js'
import { auditLog } from './format.bench.js'
import type { Grid } from './grid.js'
import { httpEndurance, httpLatency, httpSpeed } from './http.bench.js'
import { memory } from './memory.bench.js'
import { describeMachine, type Answer, type BenchRecord } from './record.js'
import { formatReport, formatTable } from './report.js'
import { scale } from './scale.bench.js'

const ROUNDS = { warmups: 2, rounds: 7 }

/** Syncs of a round of group commit: each takes a disk its millisecond. */
const SYNCS = 100

const BACKUPS = [10, 100, 1000, 10_000, 100_000]

/** The benchmarks, in the order of the report. */
const BENCHES: readonly {
  readonly name: string
  readonly title: string
  readonly questions: readonly (() => Promise<Answer | Grid | readonly (Answer | Grid)[]>)[]
}[] = [
  {
    name: 'append',
    title: 'Appending',
    questions: [
      () => write({ lines: 2_000_000, ...ROUNDS }),
      () => appendInGroups({ lines: 1_000_000, ...ROUNDS }),
      () => appendOneByOne({ lines: 200_000, ...ROUNDS }),
      () => appendSynced({ lines: 100_000, ...ROUNDS }),
      ...WAITERS.map(count => () => commit({ lines: linesFor(count, SYNCS), ...ROUNDS }, count)),
    ],
  },
  {
    name: 'format',
    title: 'AUDIT lines',
    questions: [() => auditLog({ lines: 1_000_000, ...ROUNDS })],
  },
  {
    name: 'memory',
    title: 'Memory',
    questions: [() => memory({ lines: 2_000_000, warmups: 0, rounds: 3 })],
  },
  {
    name: 'archive',
    title: 'Archives',
    questions: [() => archive({ bytes: 100 * 1024 ** 2, rounds: 3 })],
  },
  {
    name: 'scale',
    title: 'Many backups',
    questions: [() => scale({ sizes: BACKUPS, rounds: 5, peerRounds: 1 })],
  },
  {
    name: 'http',
    title: 'Audit of a server',
    questions: [
      () => httpSpeed({ requests: 15_000, ...ROUNDS }),
      () => httpLatency({ requests: 5000, ...ROUNDS }),
      () => httpEndurance({ requestsBefore: 20_000, requests: 100_000, connections: 500 }),
    ],
  },
]

/** Names given as arguments: only these are run, and the report has the last records of the rest. */
const asked = process.argv.slice(2)
const machine = describeMachine()
const date = new Date().toISOString().slice(0, 10)
const records: BenchRecord[] = []
for (const { name, title, questions } of BENCHES) {
  const file = new URL(`record/${name}.json`, import.meta.url)
  if (asked.length > 0 && !asked.includes(name)) {
    if (fs.existsSync(file)) records.push(JSON.parse(fs.readFileSync(file, 'utf8')))
    continue
  }
  const answers: (Answer | Grid)[] = []
  for (const question of questions) {
    const tables = [await question()].flat()
    answers.push(...tables)
    for (const table of tables) console.log(formatTable(table))
  }
  const record = { title, date, machine, answers }
  records.push(record)
  fs.writeFileSync(file, `${JSON.stringify(record, undefined, 2)}\n`)
}
fs.writeFileSync(new URL('../docs/benchmarks.md', import.meta.url), formatReport(records))
