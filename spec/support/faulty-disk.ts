import { systemDisk, type Disk } from '../../lib/platform/disk.js'

/** The calls of a disk, by name. */
export type DiskCall = keyof Disk

/** Calls that answer by a promise, and so fail by one. */
const ASYNCHRONOUS: ReadonlySet<string> = new Set<DiskCall>([
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
  #faults = new Map<DiskCall, () => unknown>()

  constructor(base: Disk = systemDisk) {
    this.disk = new Proxy(base, {
      get: (target, name: DiskCall) => {
        const call = target[name] as (...args: never[]) => unknown
        return (...args: never[]) => {
          this.calls.push(name)
          const fault = this.#faults.get(name)
          if (!ASYNCHRONOUS.has(name)) fault?.()
          else if (fault)
            return Promise.resolve()
              .then(fault)
              .then(() => call.apply(target, args))
          return call.apply(target, args)
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

  /** Puts other code before a call; what it throws is the call's error. */
  before(name: DiskCall, code: () => void): void {
    this.#faults.set(name, code)
  }

  /** Lets a call, or all, work again. */
  heal(name?: DiskCall): void {
    if (name === undefined) this.#faults.clear()
    else this.#faults.delete(name)
  }
}
