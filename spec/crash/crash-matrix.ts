import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fs from 'fs-extra'
import { formatEvent, Ledger } from '../support/ledger.js'
import { runProgram } from '../support/run-program.js'
import type { Scenario } from '../support/scenarios.js'
import { expectSoundLog, findUnsoundness } from '../support/sound-log.js'
import { compileProgram } from './compiled-program.js'
import { momentsOf, type DiskCallName, type KillPoint } from './killing-disk.js'

/** A log whose processes are gone: what is on the disk, and what they said. */
export interface Remains {
  /** The scenario of the first process, which began in a prepared directory. */
  readonly first: Scenario
  /** The active file. */
  readonly path: string
  /** What all of them said, one event a line. */
  readonly printed: string
}

/** What a process did. */
export interface Life {
  /** What is left of it, and of those before it. */
  readonly remains: Remains
  /** Whether it was killed, or came to the end of its scenario. */
  readonly end: 'killed' | 'ended'
  /** The calls that it made of the disk, where it came to the end. */
  readonly calls: readonly DiskCallName[]
}

/** How a process runs. */
export interface LifeOrder {
  /** Default: the first scenario. */
  readonly scenario?: Scenario
  /** Where it kills itself. Default: nowhere. */
  readonly point?: KillPoint
  /** Whether its file system has hard links. Default: it has. */
  readonly links?: 'some' | 'none'
  /** A command that runs the command line after it: strace, for instance. Default: none. */
  readonly wrapper?: readonly string[]
}

/** The program that is run, and killed. */
const VICTIM = fileURLToPath(new URL('victim.ts', import.meta.url))

/** Two of them keep two processors busy, and others wait for the disk meanwhile. */
const AT_ONCE = 3
/** Failures that are told of at length. */
const SHOWN = 5
/** Two files that are made so far apart differ in their times of birth. */
const TICK_MS = 11
const NEVER_SET = new Int32Array(new SharedArrayBuffer(4))

/** Runs scenarios in processes that are killed, and looks at what they leave. */
export class CrashMatrix {
  readonly #command: readonly string[]
  readonly #directory: string
  readonly #templates = new Map<string, string>()
  #directories = 0
  #kills = 0

  /**
   * Compiles the victim, which takes a second.
   *
   * @param directory an empty one, for all that is made.
   */
  constructor(directory: string) {
    this.#directory = join(directory, 'logs')
    for (const name of ['program', 'logs']) fs.mkdirSync(join(directory, name))
    this.#command = compileProgram(VICTIM, join(directory, 'program'))
  }

  /** Processes that died of SIGKILL so far. */
  get kills(): number {
    return this.#kills
  }

  /** A new directory as a scenario finds it. */
  prepare(first: Scenario): Remains {
    let template = this.#templates.get(first.name)
    if (template === undefined) {
      template = this.#newDirectory()
      first.prepare(join(template, 'logs', 'audit.log'))
      this.#templates.set(first.name, template)
    }
    return { first, path: this.#copy(template), printed: '' }
  }

  /** The same once more, in a directory of its own. */
  copyOf(remains: Remains): Remains {
    return { ...remains, path: this.#copy(parentOf(remains)) }
  }

  /** Runs a process to the end of its scenario, or to the point where it is killed. */
  async live(log: Remains, order: LifeOrder = {}): Promise<Life> {
    const { scenario = log.first, point, links = 'some', wrapper = [] } = order
    const { moment, call } = point ?? { moment: 'before', call: 0 }
    const soFar = Ledger.read(log.printed, log.first.prepared).entries.length
    const options = [log.path, scenario.name, String(soFar), moment, String(call), links]
    const program = [...wrapper, ...this.#command, ...options]
    const { signal, code, stdout, stderr } = await runProgram(program)
    if (signal === 'SIGKILL') {
      this.#kills++
      const said = stdout.slice(0, stdout.lastIndexOf('\n') + 1)
      const printed = log.printed + said + formatEvent({ what: 'killed' })
      return { remains: { ...log, printed }, end: 'killed', calls: [] }
    }
    const said = stdout.split('\n')
    if (code !== 0 || said.length < 2) {
      throw new Error(`${scenario.name}, ${moment} call ${call}: ${code ?? signal}\n${stderr}`)
    }
    const { calls }: { calls: DiskCallName[] } = JSON.parse(said.at(-2) ?? '')
    const printed =
      log.printed +
      said
        .slice(0, -2)
        .map(line => `${line}\n`)
        .join('')
    return { remains: { ...log, printed }, end: 'ended', calls }
  }

  /**
   * Kills a process at some points of its life, each time in a copy of a log, and expects of each
   * what a log guarantees, and that a healthy log goes on there.
   *
   * @throws Error with the first failures.
   */
  async killEach(
    log: Remains,
    points: readonly KillPoint[],
    order: Omit<LifeOrder, 'point'> = {},
  ): Promise<void> {
    await forEachOf(points, async point => {
      const { remains } = await this.live(this.copyOf(log), { ...order, point })
      const { name } = order.scenario ?? log.first
      await this.expectSound(remains, `${name}, killed ${point.moment} call ${point.call}`)
    })
  }

  /**
   * Expects what a log guarantees, and that a healthy log goes on there. Then removes it.
   *
   * @param what happened, for the error.
   */
  async expectSound(remains: Remains, what: string): Promise<void> {
    const { first, path, printed } = remains
    const ledger = Ledger.read(printed, first.prepared)
    try {
      await expectSoundLog(path, ledger, {
        others: first.strangers(path),
        elsewhere: first.elsewhere,
      })
    } catch (error) {
      throw new Error(`${what} (${path})\n${(error as Error).message}\n${printed}`, {
        cause: error,
      })
    }
    await fs.remove(parentOf(remains))
  }

  /** All that is unsound at this moment, where nobody goes on yet. */
  findUnsoundness({ first, path, printed }: Remains): string[] {
    const surroundings = { others: first.strangers(path), elsewhere: first.elsewhere }
    const ledger = Ledger.read(printed, first.prepared)
    return findUnsoundness(path, ledger, surroundings, 'after a fault')
  }

  #newDirectory(): string {
    const directory = join(this.#directory, String(++this.#directories))
    fs.mkdirSync(directory)
    return directory
  }

  #copy(directory: string): string {
    const copy = this.#newDirectory()
    copyInto(directory, copy, new Map())
    return join(copy, 'logs', 'audit.log')
  }
}

/** All points at which a process can be killed that makes these calls. */
export function killPoints(calls: readonly DiskCallName[]): KillPoint[] {
  return calls.flatMap((name, index) =>
    momentsOf(name).map(moment => ({ moment, call: index + 1 })),
  )
}

/** Does something with each of many, a few at a time. @throws Error with the first failures. */
export async function forEachOf<Value>(
  values: readonly Value[],
  work: (value: Value) => Promise<void>,
): Promise<void> {
  const left = values.toReversed()
  const failures: string[] = []
  const workers = Array.from({ length: AT_ONCE }, async () => {
    for (let value = left.pop(); value !== undefined; value = left.pop()) {
      await work(value).catch((error: Error) => failures.push(error.message))
    }
  })
  await Promise.all(workers)
  if (failures.length === 0) return
  const shown = failures.slice(0, SHOWN).join('\n\n')
  throw new Error(`${failures.length} of ${values.length} are unsound\n\n${shown}`)
}

/** The directory that holds that of the log: a log may make its own. */
function parentOf({ path }: Remains): string {
  return dirname(dirname(path))
}

/**
 * Copies what is in a directory; files with several names have them again, dates stay, and files
 * are made in the order in which they were, since a recovery looks at that.
 */
function copyInto(from: string, to: string, known: Map<number, string>): void {
  const entries = fs
    .readdirSync(from)
    .map(name => ({ name, status: fs.lstatSync(join(from, name)) }))
  let lastBirth = Infinity
  for (const { name, status } of entries.sort(
    (a, b) => a.status.birthtimeMs - b.status.birthtimeMs,
  )) {
    const [source, copy] = [join(from, name), join(to, name)]
    const twin = known.get(status.ino)
    if (twin !== undefined) fs.linkSync(twin, copy)
    else if (status.isSymbolicLink()) fs.symlinkSync(fs.readlinkSync(source), copy)
    else if (status.isDirectory()) {
      fs.mkdirSync(copy)
      copyInto(source, copy, known)
      fs.chmodSync(copy, status.mode)
    } else {
      if (name.includes('.rotating')) {
        if (status.birthtimeMs > lastBirth) Atomics.wait(NEVER_SET, 0, 0, TICK_MS)
        lastBirth = status.birthtimeMs
      }
      fs.copyFileSync(source, copy)
      fs.chmodSync(copy, status.mode)
      known.set(status.ino, copy)
    }
    fs.lutimesSync(copy, status.atime, status.mtime)
  }
}
