import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import fs from 'fs-extra'
import { allScenarios, scenarioNamed, type Scenario } from '../support/scenarios.js'
import { CrashMatrix, forEachOf, killPoints, type Remains } from './crash-matrix.js'
import { CHANGING, type DiskCallName, type KillPoint, type Moment } from './killing-disk.js'

/** `all`: at every point there is. Default: a sample, always the same, of so many kills at least. */
const FORM = process.env['ROLLKEEPER_KILLS'] === 'all' ? 'all' : 'sample'
const KILLS_MIN = FORM === 'all' ? 5000 : 1000

/** Of each kind of point at calls that change something, and at others, every so manieth is tried. */
const STEPS = FORM === 'all' ? { changing: 1, other: 1 } : { changing: 3, other: 9 }

/** Logs whose recovery is killed too, and after which of their calls they were killed before. */
const RECOVERED: readonly (readonly [scenario: string, after: DiskCallName])[] = [
  ['rotate, flush', 'rename'],
  ['rotate, flush', 'link'],
  ['rotate by size, sync', 'create'],
  ['recover several private names', 'unlink'],
  ['archive', 'writeLater'],
  ['archive', 'rename'],
  ['hold and release', 'write'],
]
/** Scenarios that make links, where there are any. */
const LINKLESS = ['rotate, flush', 'rotate by size, sync', 'recover several private names']

/** So many of the kills of each recovery. */
const RECOVERY_KILLS = FORM === 'all' ? Infinity : 18

/** Scenarios that any directory will do for, and that take nothing away: one after the other. */
const IN_A_ROW = [
  'append, flush',
  'append, sync',
  'rotate, flush',
  'rotate, sync',
  'rotate by size, flush',
  'rotate by size, sync',
  'archive',
]
const ROWS = FORM === 'all' ? 50 : 6
const KILLS_IN_A_ROW = 10

describe('a log whose process is killed', function () {
  this.timeout(FORM === 'all' ? 3_600_000 : 300_000)
  let directory = ''
  let matrix: CrashMatrix

  before(() => {
    directory = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'rollkeeper-')))
    matrix = new CrashMatrix(directory)
  })
  after(() => fs.remove(directory))

  for (const scenario of allScenarios()) {
    it(`keeps what it acknowledged, and goes on: ${scenario.name}`, async () => {
      const log = matrix.prepare(scenario)
      const { remains, calls } = await matrix.live(matrix.copyOf(log))
      await matrix.expectSound(remains, `${scenario.name}, not killed`)
      const points = sampleOf(calls)
      expect(points).to.not.deep.equal([])
      await matrix.killEach(log, points)
    })
  }

  for (const name of LINKLESS) {
    it(`keeps it on a file system without hard links: ${name}`, async () => {
      const log = matrix.prepare(scenarioNamed(name))
      const { remains, calls } = await matrix.live(matrix.copyOf(log), { links: 'none' })
      await matrix.expectSound(remains, `${name}, not killed`)
      await matrix.killEach(log, sampleOf(calls), { links: 'none' })
    })
  }

  for (const [name, after] of RECOVERED) {
    it(`keeps it when its recovery is killed too: ${name}, after ${after}`, async () => {
      const first = scenarioNamed(name)
      for (const call of await callsNamed(matrix, first, after)) {
        const point = { moment: 'after', call } as const
        const { remains } = await matrix.live(matrix.prepare(first), { point })
        const next = nextAfter(first)
        const { calls } = await matrix.live(matrix.copyOf(remains), { scenario: next })
        await matrix.killEach(remains, evenly(killPoints(calls), RECOVERY_KILLS), {
          scenario: next,
        })
      }
    })
  }

  it(`keeps it through ${KILLS_IN_A_ROW} kills in a row`, async () => {
    await forEachOf(
      Array.from({ length: ROWS }, (_, row) => row),
      async row => {
        const random = randomNumbers(row + 1)
        let log: Remains = matrix.prepare(scenarioNamed('open an existing file'))
        for (let kill = 0; kill < KILLS_IN_A_ROW; kill++) {
          const scenario = scenarioNamed(oneOf(IN_A_ROW, random))
          const point = { moment: oneOf(MOMENTS, random), call: 1 + (random() % 60) }
          const { remains } = await matrix.live(log, { scenario, point })
          const what = `row ${row}, kill ${kill}: ${scenario.name}, ${point.moment} ${point.call}`
          expect(matrix.findUnsoundness(remains), what).to.deep.equal([])
          log = remains
        }
        await matrix.expectSound(log, `row ${row}`)
      },
    )
  })

  it(`did so at least ${KILLS_MIN} times`, () => {
    console.log(`      ${matrix.kills} processes were killed`)
    expect(matrix.kills).to.be.at.least(KILLS_MIN)
  })
})

const MOMENTS: readonly Moment[] = ['before', 'piece', 'under', 'after']

/** How many points of each kind there were so far, in all scenarios. */
const seen = new Map<string, number>()

/** Those of all points that are tried. */
function sampleOf(calls: readonly DiskCallName[]): KillPoint[] {
  return killPoints(calls).filter(({ moment, call }) => {
    const name = calls[call - 1] ?? 'lstat'
    const kind = `${moment} ${name}`
    const count = seen.get(kind) ?? 0
    seen.set(kind, count + 1)
    return count % (CHANGING.has(name) ? STEPS.changing : STEPS.other) === 0
  })
}

/** Numbers of the calls of a scenario that have a name: of the sample, only one in the middle. */
async function callsNamed(
  matrix: CrashMatrix,
  scenario: Scenario,
  name: DiskCallName,
): Promise<number[]> {
  const { calls } = await matrix.live(matrix.prepare(scenario))
  const numbers = calls.flatMap((call, index) => (call === name ? [index + 1] : []))
  expect(numbers, `calls of ${name}`).to.not.deep.equal([])
  return FORM === 'all' ? numbers : evenly(numbers, 1)
}

/** What comes after the first process: it makes archives where that one did. */
function nextAfter({ name }: Scenario): Scenario {
  return scenarioNamed(name === 'archive' ? 'archive what a crash left' : 'open an existing file')
}

/** Some of many, at even distances. */
function evenly<Value>(values: readonly Value[], count: number): Value[] {
  if (values.length <= count) return [...values]
  const at = (index: number): number => Math.floor(((index + 0.5) * values.length) / count)
  return Array.from({ length: count }, (_, index) => values[at(index)] as Value)
}

function oneOf<Value>(values: readonly Value[], random: () => number): Value {
  return values[random() % values.length] as Value
}

/** Always the same ones for the same seed (Lehmer's generator, with Park and Miller's numbers). */
function randomNumbers(seed: number): () => number {
  let state = (seed * 7919) % 2147483647
  return () => {
    state = (state * 48271) % 2147483647
    return state >> 8
  }
}
