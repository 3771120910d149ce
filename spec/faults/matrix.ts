/**
 * The fault matrix: all scenarios, times all faults that each of them can meet.
 *
 *     npm run test:faults                              the whole product, and docs/faults.md of it
 *     npx tsx spec/faults/matrix.ts 'rotate, sync'     that of one scenario, and no document
 *     npx tsx spec/faults/matrix.ts 'rotate, sync' 'rename#2 EBUSY after once'     one run; with two faults, a pair
 *
 * The product runs in memory where we may mount that, and on a disk whose calls are over at once, so
 * that it is the same each time. A sample runs on the machine's disk as it is.
 */
import { fork, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { format, resolveConfig } from 'prettier'
import { systemDisk } from '../../lib/platform/disk.js'
import { allScenarios, scenarioNamed, type Scenario } from '../support/scenarios.js'
import { formatFault, parseFault, type Fault } from './fault-points.js'
import {
  allFaults,
  countCalls,
  pairFaults,
  runScenario,
  sampleFaults,
  type Ground,
} from './fault-run.js'
import {
  formatDocument,
  Tally,
  type Count,
  type FaultsRecord,
  type ScenarioRecord,
} from './faults-record.js'
import { promptDisk } from './injected-disk.js'

/** All faults, some pairs of them, or a sample of them on the machine's disk. */
type Kind = 'product' | 'pairs' | 'sample'

/** A part of the work, for one process. */
interface Task {
  readonly scenario: string
  readonly kind: Kind
  /** Which of the parts of the scenario's faults. */
  readonly part: number
  readonly directory: string
}

/** What came of it. */
interface Done {
  readonly task: Task
  readonly points: number
  readonly tally: Pick<Tally, 'runs' | 'reported' | 'failures'>
}

const SELF = fileURLToPath(import.meta.url)
const RECORD = fileURLToPath(new URL('record.json', import.meta.url))
const DOCUMENT = fileURLToPath(new URL('../../docs/faults.md', import.meta.url))

/** Parts of each scenario: small enough that all processes are done at about the same time. */
const PARTS = 4
/** Pairs of faults for each scenario. */
const PAIRS = 250
/** Runs of each error of each call in the sample. */
const SAMPLE_EACH = 1
/** A run needs some 100 KiB, and is gone when the next one begins. */
const MEMORY = 'size=64m'

/** All faults of a scenario, from counting its calls where nothing fails. */
async function faultsOf(scenario: Scenario, { directory }: Pick<Ground, 'directory'>) {
  const counts = await countCalls(scenario, directory)
  const points = [...counts.values()].reduce((sum, count) => sum + count, 0)
  return { points, faults: allFaults(counts) }
}

/** The faults of each run. */
function choose(kind: Kind, faults: readonly Fault[], seed: string): Fault[][] {
  if (kind === 'pairs') return pairFaults(faults, PAIRS, seed)
  const chosen = kind === 'sample' ? sampleFaults(faults, SAMPLE_EACH, seed) : faults
  return chosen.map(fault => [fault])
}

async function work(task: Task): Promise<Done> {
  const { kind, part, directory } = task
  const scenario = scenarioNamed(task.scenario)
  const ground: Ground = { directory, disk: kind === 'sample' ? systemDisk : promptDisk }
  const { points, faults } = await faultsOf(scenario, ground)
  const tally = new Tally()
  for (const [index, some] of choose(kind, faults, scenario.name).entries()) {
    if (index % PARTS !== part) continue
    tally.add(scenario.name, some, await runScenario(scenario, ground, ...some))
  }
  const { runs, reported, failures } = tally
  return { task, points, tally: { runs, reported, failures } }
}

/** Does all tasks, in as many processes as there are processors. */
async function workAll(tasks: readonly Task[], done: (done: Done) => void): Promise<void> {
  const left = tasks.toReversed()
  const workers = Array.from({ length: availableParallelism() }, async () => {
    const child = fork(SELF, ['--worker'], { execArgv: ['--import', 'tsx'] })
    try {
      for (let task = left.pop(); task; task = left.pop()) {
        const answer = new Promise<Done>((resolve, reject) => {
          child.once('message', message => resolve(message as Done))
          child.once('exit', code => reject(new Error(`a worker ended with ${code}`)))
        })
        child.send(task)
        done(await answer)
        child.removeAllListeners()
      }
    } finally {
      child.kill()
    }
  })
  await Promise.all(workers)
}

/** Runs the product, and says what came of it. */
async function runMatrix(scenarios: readonly Scenario[], memory: string, disk: string) {
  const tallies = new Map(scenarios.map(({ name }) => [name, new Tally()]))
  const points = new Map<string, number>()
  const others = { pairs: new Tally(), sample: new Tally() }
  const tasks = (['product', 'pairs', 'sample'] as const).flatMap(kind =>
    scenarios.flatMap(({ name }) =>
      Array.from({ length: PARTS }, (_, part) => ({
        scenario: name,
        kind,
        part,
        directory: kind === 'sample' ? disk : memory,
      })),
    ),
  )
  let over = 0
  await workAll(tasks, done => {
    points.set(done.task.scenario, done.points)
    const { kind, scenario: name } = done.task
    const tally = kind === 'product' ? tallies.get(name) : others[kind]
    tally?.merge(done.tally)
    for (const { scenario, faults, problems } of done.tally.failures) {
      console.log(
        `not survived: npx tsx spec/faults/matrix.ts '${[scenario, ...faults].join("' '")}'`,
      )
      for (const problem of problems) console.log(`    ${problem}`)
    }
    if (++over % 20 === 0) console.log(`${over} of ${tasks.length} parts are done`)
  })
  const reported = new Tally()
  for (const tally of tallies.values()) reported.merge(tally)
  const records = scenarios.map(({ name }): ScenarioRecord => {
    const { runs = 0, failures = [] } = tallies.get(name) ?? {}
    return { name, points: points.get(name) ?? 0, runs, survivors: runs - failures.length }
  })
  const { pairs, sample } = others
  const failures = [...reported.failures, ...pairs.failures, ...sample.failures]
  const record: FaultsRecord = {
    scenarios: records,
    reported: reported.reported,
    pairs: countOf(pairs),
    sample: countOf(sample),
    failures,
  }
  return { record, unsound: failures.length }
}

function countOf({ runs, failures }: Tally): Count {
  return { runs, survivors: runs - failures.length }
}

/** One run, for who wants to look into it. */
async function runOne(scenario: Scenario, faults: Fault[], directory: string): Promise<number> {
  const { problems, codes } = await runScenario(
    scenario,
    { directory, disk: promptDisk },
    ...faults,
  )
  console.log(
    `${scenario.name}, ${faults.map(formatFault).join(', ')}: ${codes.join(', ') || 'nothing'} reported`,
  )
  console.log(problems.length > 0 ? problems.join('\n') : 'survived')
  return problems.length
}

/** Does something with a directory that is in memory, where we may have one. */
async function withMemory<Result>(use: (directory: string) => Promise<Result>): Promise<Result> {
  const directory = fs.mkdtempSync(join(tmpdir(), 'rollkeeper-faults-'))
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', MEMORY, 'tmpfs', directory])
  if (status !== 0) console.log(`no memory may be mounted: all runs take place in ${directory}`)
  try {
    return await use(directory)
  } finally {
    if (status === 0) spawnSync('umount', [directory])
    fs.rmSync(directory, { recursive: true, force: true })
  }
}

async function main(args: readonly string[]): Promise<number> {
  const [name, ...faults] = args
  const scenarios = name === undefined ? allScenarios() : [scenarioNamed(name)]
  const disk = fs.mkdtempSync(join(tmpdir(), 'rollkeeper-faults-'))
  try {
    return await withMemory(async memory => {
      const [scenario] = scenarios
      if (scenario && faults.length > 0) return runOne(scenario, faults.map(parseFault), memory)
      const { record, unsound } = await runMatrix(scenarios, memory, disk)
      if (name === undefined) {
        const config = { ...(await resolveConfig(RECORD)), filepath: RECORD }
        fs.writeFileSync(RECORD, await format(JSON.stringify(record), config))
        fs.writeFileSync(DOCUMENT, formatDocument(record))
      }
      const counts = [...record.scenarios, record.pairs, record.sample]
      const runs = counts.reduce((sum, one) => sum + one.runs, 0)
      console.log(`${runs} runs, ${unsound} of them not survived`)
      return unsound
    })
  } finally {
    fs.rmSync(disk, { recursive: true, force: true })
  }
}

if (process.argv[2] === '--worker') {
  process.on('message', (task: Task) => {
    void work(task).then(done => process.send?.(done))
  })
} else {
  process.exitCode = (await main(process.argv.slice(2))) > 0 ? 1 : 0
}
