import fs from 'node:fs'
import { appendInGroups, appendOneByOne, appendSynced, write } from './append.bench.js'
import { auditLog } from './format.bench.js'
import { memory } from './memory.bench.js'
import { describeMachine, type Answer, type BenchRecord } from './record.js'
import { formatAnswer, formatReport } from './report.js'

const ROUNDS = { warmups: 2, rounds: 7 }

/** The benchmarks, in the order of the report. */
const BENCHES: readonly {
  readonly name: string
  readonly title: string
  readonly questions: readonly (() => Promise<Answer>)[]
}[] = [
  {
    name: 'append',
    title: 'Appending',
    questions: [
      () => write({ lines: 2_000_000, ...ROUNDS }),
      () => appendInGroups({ lines: 1_000_000, ...ROUNDS }),
      () => appendOneByOne({ lines: 200_000, ...ROUNDS }),
      () => appendSynced({ lines: 100_000, ...ROUNDS }),
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
]

const machine = describeMachine()
const date = new Date().toISOString().slice(0, 10)
const records: BenchRecord[] = []
for (const { name, title, questions } of BENCHES) {
  const answers: Answer[] = []
  for (const question of questions) {
    const answer = await question()
    answers.push(answer)
    console.log(formatAnswer(answer))
  }
  const record = { title, date, machine, answers }
  records.push(record)
  const file = new URL(`record/${name}.json`, import.meta.url)
  fs.writeFileSync(file, `${JSON.stringify(record, undefined, 2)}\n`)
}
fs.writeFileSync(new URL('../docs/benchmarks.md', import.meta.url), formatReport(records))
