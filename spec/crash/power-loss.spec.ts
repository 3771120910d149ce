import { expect } from 'chai'
import { ForgetfulDisk } from '../support/forgetful-disk.js'
import type { Loss, NamesLoss, NamesModel, Snapshot } from '../support/power-loss.js'
import type { Cut } from './logged-life.js'
import { checkLoss } from './power-loss-check.js'
import { DISK_OPTIONS, live, SCENARIOS, type Scenario } from './power-loss-scenarios.js'

/** One case by itself, as a failure prints it; `again` is power loss in the life that followed. */
interface Case {
  readonly scenario: string
  readonly cut: string
  readonly loss: Loss
  readonly again?: { readonly cut: string; readonly loss: Loss }
}

const { env } = process

/** Runs one case alone. */
const ALONE = JSON.parse(env.POWER_LOSS ?? 'null') as Case | null

/** `POWER_LOSS_LONG=1` tries all single operations at each cut, and many more random losses. */
const IS_LONG = env.POWER_LOSS_LONG !== undefined

/** What the file system may make of operations that are not synced. */
const MODEL = (env.POWER_LOSS_MODEL ?? 'causes') as NamesModel

/** Random losses at each cut, half of them as a journal makes them. */
const RANDOM_LOSSES = IS_LONG ? 40 : 4

/** Single operations that are tried at each cut; others at the next one. */
const SINGLES_MAX = IS_LONG ? Infinity : 5

/** Of so many first losses, one is followed by others. */
const FOLLOWED = IS_LONG ? 500 : 220

/** Kinds of failures that are told of each scenario. */
const FAILURES_MAX = 8

/** The losses to try at a cut: extreme ones, of single operations, and at random. */
function lossesAt(snapshot: Snapshot, place: number): Loss[] {
  const names: NamesLoss[] = []
  const count = snapshot.operations.length
  for (let single = 0; single < Math.min(count, SINGLES_MAX); single++) {
    names.push(...lossesOf((count - 1 - single - (place % 3) + count) % count))
  }
  const datas = snapshot.hasUnsyncedData ? (['old', 'zeros', 'new'] as const) : (['new'] as const)
  const losses: Loss[] = [
    ...datas.map(data => ({ names: 'none' as const, data })),
    ...datas.map(data => ({ names: 'all' as const, data })),
    ...names.map((one, index) => ({
      names: one,
      data: datas[(place + index) % datas.length] ?? 'new',
    })),
  ]
  for (let more = 0; more < RANDOM_LOSSES; more++) {
    const seed = place * RANDOM_LOSSES + more
    losses.push({ names: { seed, of: more % 2 === 0 ? MODEL : 'journal' }, data: { seed } })
  }
  return withoutTwins(snapshot, losses)
}

function lossesOf(operation: number): NamesLoss[] {
  if (MODEL === 'journal' || MODEL === 'each name') return [{ first: operation }]
  return [{ first: operation }, { forget: operation, of: MODEL }, { keep: operation, of: MODEL }]
}

/** Of losses that come to the same, one. */
function withoutTwins(snapshot: Snapshot, losses: readonly Loss[]): Loss[] {
  const seen = new Set<string>()
  return losses.filter(({ names, data }) => {
    const what = snapshot.hasUnsyncedData ? JSON.stringify(data) : ''
    const key = `${snapshot.keptBy(names)} ${what}`
    return !seen.has(key) && seen.add(key)
  })
}

/** Collects failures, the first of each kind, with all that it takes to run it alone. */
class Failures {
  readonly #messages = new Map<string, string>()

  async collect(one: Case, cut: Cut, check: () => Promise<unknown>): Promise<void> {
    try {
      await check()
    } catch (error) {
      const what = error instanceof Error ? error.message : String(error)
      const kind = what.replaceAll(/\d+/g, 'N')
      if (this.#messages.has(kind)) return
      const unsynced = cut.snapshot.operations.map((name, index) => `${index} ${name}`).join(', ')
      const alone = `POWER_LOSS='${JSON.stringify(one)}'`
      this.#messages.set(kind, `${what}\nunsynced: ${unsynced}\n${alone}`)
    }
  }

  expectNone(): void {
    expect([...this.#messages.values()].slice(0, FAILURES_MAX).join('\n\n')).to.equal('')
  }
}

async function cutsOf(scenario: Scenario, disk?: ForgetfulDisk): Promise<Cut[]> {
  return (await live(scenario, disk)).flatMap(life => life.cuts)
}

describe('power loss', function () {
  this.timeout(IS_LONG ? 3_600_000 : 120_000)
  let cutsInAll = 0
  let lossesInAll = 0

  after(() => {
    console.log(`      power loss at ${cutsInAll} moments, ${lossesInAll} in all`)
  })

  for (const scenario of SCENARIOS) {
    if (ALONE && ALONE.scenario !== scenario.name) continue

    it(`takes nothing that was promised: ${scenario.name}`, async () => {
      const failures = new Failures()
      for (const [place, cut] of (await cutsOf(scenario)).entries()) {
        if (ALONE && (ALONE.cut !== cut.name || ALONE.again)) continue
        cutsInAll++
        for (const loss of ALONE ? [ALONE.loss] : lossesAt(cut.snapshot, place)) {
          lossesInAll++
          const one = { scenario: scenario.name, cut: cut.name, loss }
          await failures.collect(one, cut, () => checkLoss(scenario, cut, loss))
        }
      }
      failures.expectNone()
    })
  }

  it('takes nothing that was promised either where it comes again, in the midst of recovery', async () => {
    const failures = new Failures()
    for (const scenario of SCENARIOS) {
      for await (const { one, second } of casesOfTwo(scenario)) {
        if (ALONE && JSON.stringify(ALONE) !== JSON.stringify(one)) continue
        lossesInAll++
        await failures.collect(one, second, () => checkLoss(scenario, second, one.again.loss))
      }
    }
    failures.expectNone()
  })

  it('was tried often enough', function () {
    if (ALONE) this.skip()
    expect(cutsInAll).to.be.greaterThan(500)
    expect(lossesInAll).to.be.greaterThan(10_000)
  })
})

/** Some of the losses, each followed by some of those that may come in the life after it. */
async function* casesOfTwo(scenario: Scenario) {
  if (ALONE && (ALONE.scenario !== scenario.name || !ALONE.again)) return
  let first = 0
  for (const [place, cut] of (await cutsOf(scenario)).entries()) {
    for (const loss of lossesAt(cut.snapshot, place)) {
      if (ALONE ? ALONE.cut !== cut.name : ++first % FOLLOWED !== 0) continue
      for (const [again, second] of (await cutsAfter(scenario, cut, loss)).entries()) {
        for (const [index, secondLoss] of lossesAt(second.snapshot, place + again).entries()) {
          if (index % 3 !== again % 3) continue
          const then = { cut: second.name, loss: secondLoss }
          yield { one: { scenario: scenario.name, cut: cut.name, loss, again: then }, second }
        }
      }
    }
  }
}

/** The moments of the life after a loss. What is wrong with that life itself, others tell. */
async function cutsAfter(scenario: Scenario, cut: Cut, loss: Loss): Promise<readonly Cut[]> {
  try {
    return (await checkLoss(scenario, cut, loss, 'listed')).cuts
  } catch {
    return []
  }
}

describe('a disk that lies', () => {
  const scenario = SCENARIOS.find(({ options }) => options.durability === 'sync')
  if (!scenario) throw new Error('there is such a scenario')

  /** What the checks say of losses on a disk that did not sync what it said it had. */
  const complaints = async (lies: 'of files' | 'of directories', loss: Loss): Promise<string[]> => {
    const found: string[] = []
    for (const cut of await cutsOf(scenario, new ForgetfulDisk({ ...DISK_OPTIONS, lies }))) {
      await checkLoss(scenario, cut, loss).catch((error: Error) => found.push(error.message))
    }
    return found
  }

  it('of the data of files loses acknowledged records, whoever writes them', async () => {
    const found = await complaints('of files', { names: 'all', data: 'old' })
    expect(found.filter(message => message.startsWith('missing records'))).not.to.deep.equal([])
  })

  it('of the names in directories loses acknowledged records too', async () => {
    const found = await complaints('of directories', { names: 'none', data: 'new' })
    expect(found.filter(message => message.startsWith('missing records'))).not.to.deep.equal([])
  })
})
