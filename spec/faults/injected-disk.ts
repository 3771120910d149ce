import fs from 'node:fs'
import {
  systemDisk,
  type DirectoryEntry,
  type Disk,
  type NameScan,
} from '../../lib/platform/disk.js'
import { ASYNCHRONOUS, systemError } from '../support/faulty-disk.js'
import type { Fault, FaultCode, FaultEffect } from './fault-points.js'

type Call = (...args: never[]) => unknown

/** Calls whose answer is a descriptor. */
const OPENING: ReadonlySet<string> = new Set(['openExisting', 'create', 'openToRead', 'openLock'])

/** Calls whose first argument is a descriptor. */
const OF_DESCRIPTORS: ReadonlySet<string> = new Set<keyof Disk>([
  'write',
  'read',
  'fstat',
  'readLater',
  'writeLater',
  'datasync',
  'datasyncNow',
  'truncate',
  'lock',
])

/** No scenario comes near so many calls that fail: somebody does not wait, and never ends. */
const ENDLESS_CALLS = 2000

/**
 * The machine's disk without its thread pool: what would go on in there is done at once, and told
 * of in a later turn. So every run of the same code makes the same calls in the same order.
 */
export const promptDisk: Disk = {
  ...systemDisk,
  async *entries(directory) {
    await turn()
    const entries = fs.readdirSync(directory, { withFileTypes: true })
    yield entries.map(entry => ({ name: entry.name, regular: entry.isFile() }))
    await turn()
  },
  async readLater(fd, bytes, position) {
    const came = systemDisk.read(fd, bytes, position)
    await turn()
    return came
  },
  async writeLater(fd, bytes) {
    const taken = systemDisk.write(fd, bytes, 0, bytes.length)
    await turn()
    return taken
  },
  async datasync(fd) {
    fs.fstatSync(fd) // for the rest there is nothing to do: nobody takes the power away
    await turn()
  },
  datasyncNow: fd => void fs.fstatSync(fd),
  async syncDirectory(directory) {
    fs.accessSync(directory)
    await turn()
  },
  syncDirectoryNow: directory => fs.accessSync(directory),
  async remove(path) {
    fs.unlinkSync(path)
    await turn()
  },
  async freeBytes(directory) {
    const { bavail, bsize } = fs.statfsSync(directory)
    await turn()
    return bavail * bsize
  },
}

/** What a fault does to a call. */
interface Failing {
  readonly code: FaultCode
  readonly effect: FaultEffect
}

/** One fault, and how far it has come. */
class Injection {
  readonly #fault: Fault
  #status: 'whole' | 'faulty' | 'healed' = 'whole'
  #left: number
  #failed = 0
  /** The disk took a part the last time, and takes nothing now. */
  #isFull = false

  constructor(fault: Fault) {
    this.#fault = fault
    this.#left = { once: 1, thrice: 3, forever: Infinity, dead: Infinity }[fault.lasting]
  }

  get came(): boolean {
    return this.#status !== 'whole'
  }

  /** So many calls failed that nobody seems to wait before the next. */
  get isEndless(): boolean {
    return this.#failed >= ENDLESS_CALLS
  }

  /** What it does to this call, the so manyth of its kind. */
  next(name: string, count: number): Failing | undefined {
    const { call, nth, code, effect, lasting } = this.#fault
    if (this.#status === 'whole' && name === call && count === nth) this.#status = 'faulty'
    if (this.#status !== 'faulty' || (lasting !== 'dead' && name !== call)) return undefined
    if (this.#isFull) {
      this.#isFull = false
      return { code: 'ENOSPC', effect: 'without' }
    }
    if (this.#left <= 0) return undefined
    this.#left--
    this.#failed++
    if (this.isEndless) this.#left = 0
    this.#isFull = code === 'short,ENOSPC'
    return { code, effect: lasting === 'dead' && this.#failed > 1 ? 'without' : effect }
  }

  heal(): void {
    if (this.#status === 'faulty') this.#status = 'healed'
  }
}

/**
 * A disk that has faults, or none: it counts the calls of each kind, lets those fail that a fault
 * says, and watches over descriptors.
 */
export class InjectedDisk {
  readonly disk: Disk
  readonly #injections: readonly Injection[]
  readonly #counts = new Map<string, number>()
  readonly #open = new Map<number, string>()
  readonly #unclosed: number[] = []
  readonly #defects: string[] = []
  #underWay = 0

  /** @param base whose calls are made, where they are. */
  constructor(base: Disk, faults: readonly Fault[] = []) {
    this.#injections = faults.map(fault => new Injection(fault))
    this.disk = new Proxy(base, {
      get: (target, name: string) => {
        const call = target[name as keyof Disk] as Call
        if (typeof call !== 'function') return call
        return (...args: never[]) => this.#call(name, args, () => call.apply(target, args))
      },
    })
  }

  /** How many calls there were, by their kind. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts
  }

  /** Whether all of the faults came. */
  get wasFaulty(): boolean {
    return this.#injections.every(({ came }) => came)
  }

  /** Descriptors that were used wrongly: after their end, or never opened here. */
  get defects(): readonly string[] {
    return this.#defects
  }

  /** What is still open, by the calls that opened it. */
  get leaks(): string[] {
    return [...this.#open.values()]
  }

  /** Resolved when no call is under way. */
  async idle(): Promise<void> {
    while (this.#underWay > 0) await turn()
  }

  /** Ends the faults, and closes what is still open. */
  heal(): void {
    for (const injection of this.#injections) injection.heal()
    for (const fd of [...this.#open.keys(), ...this.#unclosed.splice(0)]) fs.closeSync(fd)
    this.#open.clear()
  }

  #call(name: string, args: never[], make: () => unknown): unknown {
    if (name === 'entries') return this.#entries(make as () => ReturnType<Disk['entries']>)
    if (ASYNCHRONOUS.has(name)) return this.#later(name, args, make)
    const result = this.#now(name, args, make)
    return name === 'scan' ? this.#scan(result as NameScan) : result
  }

  #now(name: string, args: never[], make: () => unknown): unknown {
    this.#expectOpen(name, args)
    const failing = this.#next(name)
    if (!failing) return this.#keepBook(name, args, make())
    const { code, effect } = failing
    if (name === 'lock' && code !== 'EIO') return code
    if (code.startsWith('short')) return this.#short(name, args, make)
    if (effect === 'part') this.#short(name, args, () => 0)
    if (effect === 'after') this.#takeBack(name, args, make())
    else if (name === 'close') this.#failToClose(args)
    throw systemError(code)
  }

  async #later(name: string, args: never[], make: () => unknown): Promise<unknown> {
    this.#underWay++
    try {
      this.#expectOpen(name, args)
      const failing = this.#next(name)
      if (!failing) return await make()
      const { code, effect } = failing
      if (code.startsWith('short')) return await this.#short(name, args, make)
      if (effect === 'part') await this.#short(name, args, () => 0)
      if (effect === 'after') await make()
      await turn()
      throw systemError(code)
    } finally {
      this.#underWay--
    }
  }

  /** How this call is to fail, if it is. */
  #next(name: string): Failing | undefined {
    const count = (this.#counts.get(name) ?? 0) + 1
    this.#counts.set(name, count)
    let failing: Failing | undefined
    for (const injection of this.#injections) {
      const wasEndless = injection.isEndless
      failing ??= injection.next(name, count)
      if (injection.isEndless && !wasEndless) {
        this.#defects.push(`endless: ${name} is tried again and again`)
      }
    }
    return failing
  }

  /** Half of what was asked for. One byte has no half. */
  #short(name: string, args: never[], whole: () => unknown): unknown {
    if (name === 'write') {
      const [fd, bytes, offset, length] = args as unknown as Parameters<Disk['write']>
      const half = Math.floor(length / 2)
      return half === 0 ? whole() : systemDisk.write(fd, bytes, offset, half)
    }
    const [fd, bytes, position] = args as unknown as Parameters<Disk['read']>
    const half = bytes.subarray(0, Math.floor(bytes.length / 2))
    if (half.length === 0) return whole()
    return name === 'writeLater'
      ? systemDisk.write(fd, half, 0, half.length)
      : systemDisk.read(fd, half, position)
  }

  #expectOpen(name: string, args: never[]): void {
    const [fd] = args as unknown as [number]
    const isOfOne = OF_DESCRIPTORS.has(name) || name === 'close'
    if (isOfOne && !this.#open.has(fd)) {
      this.#defects.push(`${name} of a descriptor that is not open`)
    }
  }

  #keepBook(name: string, args: never[], result: unknown): unknown {
    const [first] = args as unknown as [string | number]
    if (OPENING.has(name)) this.#open.set(result as number, `${name} ${first}`)
    if (name === 'close') this.#open.delete(Number(first))
    return result
  }

  /** Nobody may use it again: on most systems it is closed all the same. */
  #failToClose(args: never[]): void {
    const [fd] = args as unknown as [number]
    if (this.#open.delete(fd)) this.#unclosed.push(fd)
  }

  /** Of a call that failed after its effect nobody has the descriptor. */
  #takeBack(name: string, args: never[], result: unknown): void {
    if (OPENING.has(name)) fs.closeSync(result as number)
    else this.#keepBook(name, args, result)
  }

  #scan(names: NameScan): NameScan {
    return {
      next: () => this.#now('scan.next', [], () => names.next()) as readonly string[] | undefined,
      close: () => names.close(),
    }
  }

  async *#entries(
    read: () => ReturnType<Disk['entries']>,
  ): AsyncGenerator<readonly DirectoryEntry[]> {
    await this.#later('entries', [], () => undefined)
    for await (const some of read()) {
      await this.#later('entries.next', [], () => undefined)
      yield some
    }
  }
}

function turn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}
