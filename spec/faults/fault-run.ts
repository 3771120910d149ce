import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Disk } from '../../lib/platform/disk.js'
import { Ledger } from '../support/ledger.js'
import { ManualClock } from '../support/manual-clock.js'
import type { Scenario } from '../support/scenarios.js'
import { expectSoundLog } from '../support/sound-log.js'
import { faultsAt, type Fault } from './fault-points.js'
import { InjectedDisk, promptDisk } from './injected-disk.js'
import { SyncWitness } from './sync-witness.js'

/** Where runs take place, and on what. */
export interface Ground {
  /** A directory in which each run has one of its own. */
  readonly directory: string
  /** The machine's disk as it is, or told to be quick. */
  readonly disk: Disk
}

/** What came of one run. */
export interface FaultRun {
  /** All that was unsound, one sentence each: empty for a run that was survived. */
  readonly problems: readonly string[]
  /** Codes of all errors that somebody was told. */
  readonly codes: readonly string[]
  /** Calls that were made, by their kind. */
  readonly counts: ReadonlyMap<string, number>
  /** Whether all of the faults came. */
  readonly wasFaulty: boolean
}

/** Two counts in a row have to be the same; on a machine that is very busy not all are. */
const COUNTS_MAX = 20

/** A run that takes longer will never end. */
const DEADLINE_MS = 20_000

/** Runs a scenario with some faults, or none, and checks what it left. */
export async function runScenario(
  scenario: Scenario,
  ground: Ground,
  ...faults: Fault[]
): Promise<FaultRun> {
  const unheard = listenForUnheard()
  const goOn = stopTimeSlices()
  const root = mkdtempSync(join(ground.directory, 'run-'))
  const path = join(root, 'var', 'logs', 'audit.log')
  const injected = new InjectedDisk(ground.disk, faults)
  const clock = new ManualClock()
  const witness = new SyncWitness(injected.disk)
  const ledger = new Ledger(scenario.prepared, event => {
    if (isSynced(scenario) && event.what === 'acknowledged') witness.acknowledged(event.number)
  })
  const problems: string[] = []
  try {
    scenario.prepare(path)
    const platform = { disk: isSynced(scenario) ? witness.disk : injected.disk, clock }
    const idle = (): Promise<void> => injected.idle()
    await inTime(scenario.run({ platform, path, ledger, clock, idle }))
    if (clock.waiting > 0) problems.push(`left over: ${clock.waiting} timers`)
    problems.push(...injected.leaks.map(call => `left over: a descriptor of ${call}`))
    problems.push(...injected.defects, ...witness.problems)
    injected.heal()
    const others = scenario.strangers(path)
    const healthy = { disk: promptDisk, clock: new ManualClock() }
    await inTime(expectSoundLog(path, ledger, { others, elsewhere: scenario.elsewhere }, healthy))
  } catch (error) {
    problems.push(...(error as Error).message.split('\n'))
  } finally {
    goOn()
    injected.heal()
    rmSync(root, { recursive: true, force: true })
  }
  problems.push(...unheard.end())
  const { counts, wasFaulty } = injected
  return { problems, codes: [...ledger.codes].sort(), counts, wasFaulty }
}

/**
 * Counts the calls that a scenario makes where nothing fails, by their kind.
 *
 * @throws Error where it is unsound all the same.
 */
export async function countCalls(
  scenario: Scenario,
  directory: string,
): Promise<ReadonlyMap<string, number>> {
  let before = ''
  for (let tries = 0; tries < COUNTS_MAX; tries++) {
    const { problems, counts } = await runScenario(scenario, { directory, disk: promptDisk })
    if (problems.length > 0) throw new Error(`${scenario.name}: ${problems.join('; ')}`)
    // A process that had to wait for its turn may have looked at a clock in between.
    const text = JSON.stringify([...counts])
    if (text === before) return counts
    before = text
  }
  throw new Error(`${scenario.name} is not the same from run to run`)
}

/** All faults that a scenario can meet, from the calls that it makes where nothing fails. */
export function allFaults(counts: ReadonlyMap<string, number>): Fault[] {
  return [...counts]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .flatMap(([call, count]) =>
      Array.from({ length: count }, (_, index) => faultsAt(call, index + 1)).flat(),
    )
}

/**
 * Some of the faults, always the same: each error of each call so often at least, every time at
 * another place and with another effect.
 */
export function sampleFaults(faults: readonly Fault[], each: number, seed: string): Fault[] {
  const groups = new Map<string, Fault[]>()
  for (const fault of faults) {
    const key = `${fault.call} ${fault.code} ${fault.lasting === 'dead' ? 'dead' : ''}`
    const group = groups.get(key)
    if (group) group.push(fault)
    else groups.set(key, [fault])
  }
  return [...groups].flatMap(([key, group]) => {
    const chosen = new Set<Fault>()
    for (let one = 0; one < Math.min(each, group.length); one++) {
      let at = hash(`${seed} ${key} ${one}`) % group.length
      while (chosen.has(group[at]!)) at = (at + 1) % group.length
      chosen.add(group[at]!)
    }
    return [...chosen]
  })
}

/** Whether its log acknowledges what is synced, and only that. */
function isSynced({ name }: Scenario): boolean {
  return name.endsWith(', sync')
}

/** Pairs of faults of different calls, always the same ones. */
export function pairFaults(faults: readonly Fault[], count: number, seed: string): Fault[][] {
  const choose = (from: readonly Fault[], text: string): Fault => from[hash(text) % from.length]!
  return Array.from({ length: count }, (_, index) => {
    const first = choose(faults, `${seed} ${index} first`)
    const others = faults.filter(({ call }) => call !== first.call)
    return [first, choose(others, `${seed} ${index} second`)]
  })
}

async function inTime(work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('it does not end')), DEADLINE_MS)
  })
  await Promise.race([work, late]).finally(() => clearTimeout(timer))
}

/**
 * Lets `TimeSlice` find that no time passes: on a busy machine its half a millisecond may be over
 * after any call, and then another turn of the event loop comes in between.
 */
function stopTimeSlices(): () => void {
  const now = performance.now.bind(performance)
  performance.now = () => 0
  return () => {
    performance.now = now
  }
}

/** Listens for errors that reach nobody, as long as a run is under way. */
function listenForUnheard(): { end: () => string[] } {
  const unheard: string[] = []
  const note = (error: unknown): void => {
    unheard.push(`nobody heard of: ${String((error as Error)?.stack ?? error)}`)
  }
  process.on('unhandledRejection', note)
  process.on('uncaughtException', note)
  return {
    end() {
      process.off('unhandledRejection', note)
      process.off('uncaughtException', note)
      return unheard
    },
  }
}

/** FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/). */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (const byte of Buffer.from(text)) value = Math.imul(value ^ byte, 0x01000193) >>> 0
  return value
}
