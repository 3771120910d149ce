import type { Disk } from '../../lib/platform/disk.js'
import { ASYNCHRONOUS } from '../support/faulty-disk.js'

/** The calls of a disk, by name. */
export type DiskCallName = keyof Disk

/**
 * When a process is killed, seen from one of its calls.
 *
 * - `'before'` the call is made.
 * - `'piece'`: a write was cut: the first half of its bytes arrived.
 * - `'under'`: the call was handed to the thread pool, and is under way, or over already.
 * - `'after'` it took effect, before anybody heard of it.
 */
export type Moment = 'before' | 'piece' | 'under' | 'after'

/** Where to kill. */
export interface KillPoint {
  /** Where a call has no such moment, it is killed before it. */
  readonly moment: Moment
  /** Number of the call, from 1; 0 for never. */
  readonly call: number
}

/**
 * Calls that leave something on the disk: between two others, all crashes look alike. Not those that
 * make directories, which nearly always find them there.
 */
export const CHANGING: ReadonlySet<DiskCallName> = new Set<DiskCallName>([
  'create',
  'openLock',
  'truncate',
  'write',
  'rename',
  'link',
  'unlink',
  'writeLater',
  'datasync',
  'syncDirectory',
  'datasyncNow',
  'syncDirectoryNow',
  'remove',
])

/** Calls that take bytes and can be cut. */
const WRITES: ReadonlySet<DiskCallName> = new Set<DiskCallName>(['write', 'writeLater'])

/**
 * The moments in which a call can be killed, each of them another state of the disk, of the thread
 * pool, or of what was acknowledged.
 */
export function momentsOf(name: DiskCallName): Moment[] {
  const moments: Moment[] = ['before']
  if (WRITES.has(name)) moments.push('piece')
  if (ASYNCHRONOUS.has(name)) moments.push('under')
  if (CHANGING.has(name)) moments.push('after')
  return moments
}

/** A disk that counts the calls made of it, and kills this very process at one of them. */
export class KillingDisk {
  /** The calls so far. */
  readonly calls: DiskCallName[] = []
  readonly disk: Disk
  readonly #underWay = new Set<Promise<unknown>>()

  constructor(base: Disk, { moment, call: at }: KillPoint) {
    this.disk = new Proxy(base, {
      get: (target, name: DiskCallName) => {
        const call = (target[name] as (...args: unknown[]) => unknown).bind(target)
        return (...args: unknown[]) => {
          const isIt = this.calls.push(name) === at
          if (!isIt) return this.#watch(call(...args))
          if (moment === 'before' || !momentsOf(name).includes(moment)) kill()
          if (moment === 'piece') return cut(base, name, args)
          const result = call(...args)
          if (moment === 'under' || !(result instanceof Promise)) kill()
          return (result as Promise<unknown>).then(kill, kill)
        }
      },
    })
  }

  /** Resolved when no call is under way. */
  async idle(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay)
  }

  /** Keeps what a call gave in mind, as long as it is under way. */
  #watch(result: unknown): unknown {
    if (result instanceof Promise) {
      this.#underWay.add(result)
      const forget = (): unknown => this.#underWay.delete(result)
      result.then(forget, forget)
    } else if (isIterable(result)) return this.#watchEach(result)
    return result
  }

  async *#watchEach(pieces: AsyncIterable<unknown>): AsyncIterable<unknown> {
    const iterator = pieces[Symbol.asyncIterator]()
    try {
      for (;;) {
        const piece = this.#watch(iterator.next()) as Promise<IteratorResult<unknown>>
        const { done, value } = await piece
        if (done) return
        yield value
      }
    } finally {
      await this.#watch(Promise.resolve(iterator.return?.()))
    }
  }
}

function isIterable(result: unknown): result is AsyncIterable<unknown> {
  return typeof result === 'object' && result !== null && Symbol.asyncIterator in result
}

/** Never returns: the signal comes before the system call is over. */
function kill(): never {
  process.kill(process.pid, 'SIGKILL')
  throw new Error('killed, and still alive')
}

/** Writes the first half of what was to be written. One byte has none: nothing arrives of it. */
function cut(disk: Disk, name: DiskCallName, args: unknown[]): unknown {
  if (name === 'write') {
    const [fd, bytes, offset, length] = args as Parameters<Disk['write']>
    if (length > 1) disk.write(fd, bytes, offset, Math.floor(length / 2))
    kill()
  }
  const [fd, bytes] = args as Parameters<Disk['writeLater']>
  return disk.writeLater(fd, bytes.subarray(0, Math.floor(bytes.length / 2))).then(kill, kill)
}
