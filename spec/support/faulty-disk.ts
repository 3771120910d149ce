import { systemDisk, type DirectoryEntry, type Disk } from '../../lib/platform/disk.js'

/** The calls of a disk, by name. */
export type DiskCall = keyof Disk

/** Calls that answer by a promise, and so fail by one. */
export const ASYNCHRONOUS: ReadonlySet<string> = new Set<DiskCall>([
  'readLater',
  'writeLater',
  'datasync',
  'syncDirectory',
  'remove',
  'freeBytes',
])

/** A system error as Node makes them. */
export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code })
}

/**
 * The machine's disk, with calls that a test makes fail, and a list of the calls that were made.
 *
 *     const disk = new FaultyDisk()
 *     disk.fail('rename', 'EBUSY')                 // until `heal`
 *     disk.fail('write', 'ENOSPC', { times: 1 })
 */
export class FaultyDisk {
  readonly calls: DiskCall[] = []
  readonly disk: Disk
  #faults = new Map<DiskCall, (...args: never[]) => unknown>()
  #aftermaths = new Map<DiskCall, (...args: never[]) => unknown>()

  constructor(base: Disk = systemDisk) {
    this.disk = new Proxy(base, {
      get: (target, name: DiskCall) => {
        const call = target[name] as (...args: never[]) => unknown
        return (...args: never[]) => {
          this.calls.push(name)
          const fault = this.#faults.get(name)
          const aftermath = this.#aftermaths.get(name)
          const make = () => call.apply(target, args)
          if (name === 'entries' && (fault ?? aftermath)) {
            return readBetween(fault, make as () => AsyncIterable<DirectoryEntry[]>, aftermath)
          }
          if (!ASYNCHRONOUS.has(name)) {
            fault?.(...args)
            const result = make()
            aftermath?.(...args)
            return result
          }
          if (!fault && !aftermath) return make()
          return (async () => {
            await fault?.(...args)
            const result = await make()
            await aftermath?.(...args)
            return result
          })()
        }
      },
    })
  }

  /** Lets a call fail before it has any effect. */
  fail(name: DiskCall, code: string, { times = Infinity } = {}): void {
    let left = times
    this.#faults.set(name, () => {
      if (left-- > 0) throw systemError(code)
    })
  }

  /** Lets a call take effect, and report a failure all the same. */
  failAfter(name: DiskCall, code: string, { times = Infinity } = {}): void {
    let left = times
    this.#aftermaths.set(name, () => {
      if (left-- > 0) throw systemError(code)
    })
  }

  /**
   * Puts other code before a call, with what it is called with; what it throws is the call's error.
   * A call that answers by a promise waits for a promise of this code's.
   */
  before(name: DiskCall, code: (...args: never[]) => unknown): void {
    this.#faults.set(name, code)
  }

  /** Puts other code after a call that succeeded, in the same way. */
  after(name: DiskCall, code: (...args: never[]) => unknown): void {
    this.#aftermaths.set(name, code)
  }

  /** Lets a call, or all, work again. */
  heal(name?: DiskCall): void {
    for (const hooks of [this.#faults, this.#aftermaths]) {
      if (name === undefined) hooks.clear()
      else hooks.delete(name)
    }
  }
}

async function* readBetween(
  fault: (() => unknown) | undefined,
  read: () => AsyncIterable<readonly DirectoryEntry[]>,
  aftermath: (() => unknown) | undefined,
): AsyncIterable<readonly DirectoryEntry[]> {
  await fault?.()
  yield* read()
  await aftermath?.()
}
