import fs from 'node:fs'
import type { Disk } from '../../lib/platform/disk.js'
import { bytesOf } from '../support/ledger.js'

/** A file, as far as its bytes and its name are on stable storage. */
interface Witnessed {
  content: Buffer
  /** So much of it had a sync that succeeded, and no failed one before. */
  syncedBytes: number
  /** So much of it was there when a sync failed: what was not synced before may be lost for ever. */
  failedBytes: number
  /** Whether its directory was synced since it was opened. */
  isNamed: boolean
}

/**
 * Watches what a log makes of its syncs, whatever they answer: of each record that is acknowledged
 * as synced it knows whether it is.
 */
export class SyncWitness {
  readonly disk: Disk
  readonly #files: Witnessed[] = []
  readonly #open = new Map<number, Witnessed>()
  readonly #byInode = new Map<number, Witnessed>()
  readonly #problems: string[] = []

  constructor(base: Disk) {
    this.disk = new Proxy(base, {
      get: (target, name: keyof Disk) => {
        const call = target[name] as (...args: never[]) => unknown
        return (...args: never[]) => this.#call(name, args, () => call.apply(target, args))
      },
    })
  }

  /** Records that were acknowledged, and not synced. */
  get problems(): readonly string[] {
    return this.#problems
  }

  /** A record was acknowledged. */
  acknowledged(number: number): void {
    const record = bytesOf(number)
    const isSafe = this.#files.some(({ content, syncedBytes, isNamed }) => {
      const start = content.indexOf(record)
      return start !== -1 && isNamed && start + record.length <= syncedBytes
    })
    if (!isSafe) this.#problems.push(`not synced: record ${number} was acknowledged`)
  }

  #call(name: keyof Disk, args: never[], make: () => unknown): unknown {
    const [fd] = args as unknown as [number]
    if (name === 'datasync' || name === 'datasyncNow') return this.#sync(this.#open.get(fd), make)
    if (name === 'syncDirectory' || name === 'syncDirectoryNow') return this.#syncDirectory(make)
    try {
      const result = make()
      if (name === 'openExisting' || name === 'create') this.#opened(result as number, name)
      return result
    } finally {
      if (name === 'write') this.#read(fd)
      if (name === 'close') this.#open.delete(fd) // the next file may get its number
    }
  }

  #opened(fd: number, how: 'openExisting' | 'create'): void {
    const { ino } = fs.fstatSync(fd)
    const known = how === 'create' ? undefined : this.#byInode.get(ino)
    const file = known ?? {
      content: Buffer.alloc(0),
      syncedBytes: 0,
      failedBytes: 0,
      isNamed: false,
    }
    if (!known) this.#files.push(file)
    this.#byInode.set(ino, file)
    this.#open.set(fd, file)
    this.#read(fd)
  }

  #read(fd: number): void {
    const file = this.#open.get(fd)
    if (!file) return
    const { size } = fs.fstatSync(fd)
    const content = Buffer.alloc(size)
    file.content = content.subarray(0, fs.readSync(fd, content, 0, size, 0))
  }

  #sync(file: Witnessed | undefined, make: () => unknown): unknown {
    if (!file) return make()
    const bytes = file.content.length
    const fail = (error: unknown): never => {
      file.failedBytes = Math.max(file.failedBytes, file.content.length)
      throw error
    }
    const succeed = (): void => {
      if (file.failedBytes <= file.syncedBytes) file.syncedBytes = Math.max(file.syncedBytes, bytes)
    }
    try {
      const result = make()
      if (result instanceof Promise) return result.then(succeed, fail)
      succeed()
      return result
    } catch (error) {
      return fail(error)
    }
  }

  #syncDirectory(make: () => unknown): unknown {
    const there = [...this.#files]
    const succeed = (): void => {
      for (const file of there) file.isNamed = true
    }
    const result = make()
    if (result instanceof Promise) return result.then(succeed)
    succeed()
    return result
  }
}
