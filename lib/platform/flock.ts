import { spawnSync, type SpawnSyncOptions } from 'node:child_process'
import { constants } from 'node:os'
import { requireIfThere } from './optional-module.cjs'
import { systemCode } from './rollkeeper-error.js'

/** Whose a lock is; `'unable'`: there is no way to lock this file. */
export type LockAnswer = 'ours' | 'taken' | 'unable'

/** A way to call `flock(2)` for an open file; undefined where this machine does not have that way. */
export type FlockWay = (fd: number) => LockAnswer | undefined

/** The little that we need of https://koffi.dev. */
interface Koffi {
  load(library: null): { func(declaration: string): (...args: number[]) => number }
  errno(): number
}

/** How a command is run to its end: `spawnSync`. */
type Run = (
  command: string,
  args: readonly string[],
  options: SpawnSyncOptions,
) => { readonly status: number | null; readonly stderr: string | Uint8Array }

const LOCK_EX_NB = 2 | 4

/** The shell command answers at once; where it does not, something is wrong with it. */
const COMMAND_MAX_MS = 10_000

/** open(2) of macOS and the BSDs; no constant of Node's. */
const O_EXLOCK = 0x20
const SYSTEMS_WITH_EXLOCK: ReadonlySet<string> = new Set(['darwin', 'freebsd', 'netbsd', 'openbsd'])

/**
 * By koffi, where it is installed: the call itself. It is loaded here and now, with the package, since
 * that takes some milliseconds, and a log may be opened by a busy server.
 */
export function byKoffi(load: (name: string) => unknown = requireIfThere): FlockWay {
  const koffi = load('koffi')
  return isKoffi(koffi) ? koffiCall(koffi) : () => undefined
}

function isKoffi(module: unknown): module is Koffi {
  return typeof module === 'object' && module !== null && 'load' in module && 'errno' in module
}

function koffiCall(koffi: Koffi): FlockWay {
  try {
    const flock = koffi.load(null).func('int flock(int fd, int operation)')
    return fd => {
      if (flock(fd, LOCK_EX_NB) === 0) return 'ours'
      return koffi.errno() === constants.errno.EWOULDBLOCK ? 'taken' : 'unable'
    }
  } catch {
    return () => undefined // another koffi than we know, or a system without flock
  }
}

/**
 * By the command `flock` of util-linux or BusyBox, on our own open file, which it inherits: the lock
 * belongs to the open file and so outlives the command.
 */
export function byCommand(run: Run = spawnSync): FlockWay {
  return fd => {
    try {
      const options: SpawnSyncOptions = {
        stdio: ['ignore', 'ignore', 'pipe', fd],
        timeout: COMMAND_MAX_MS,
        windowsHide: true,
      }
      const { status, stderr } = run('flock', ['-xn', '3'], options)
      if (status === 0) return 'ours'
      // BusyBox ends with 1 for other errors too, but not without a word.
      if (status === 1 && stderr.length === 0) return 'taken'
      return status === null ? undefined : 'unable'
    } catch {
      return undefined // not allowed to start anything
    }
  }
}

/** The lock of a file that the kernel keeps: until the file is closed, or the process ends. */
export class Flock {
  readonly #ways: readonly FlockWay[]
  readonly #openFlags: number
  /** What opening has told already, by descriptor. */
  readonly #told = new Map<number, LockAnswer>()

  /**
   * @param ways to call `flock`, in the order in which they are tried.
   * @param system whose `open(2)` it is: some can lock.
   */
  constructor(ways: readonly FlockWay[], system: string = process.platform) {
    this.#ways = ways
    this.#openFlags = SYSTEMS_WITH_EXLOCK.has(system) ? O_EXLOCK : 0
  }

  /**
   * Opens a file that is about to be locked, locking it right away where `open(2)` can.
   *
   * @param open opens it, without waiting, with these flags besides its own.
   * @throws what `open` throws.
   */
  open(open: (flags: number) => number): number {
    let fd: number
    let answer: LockAnswer | undefined
    try {
      fd = open(this.#openFlags)
      if (this.#openFlags !== 0) answer = 'ours'
    } catch (error) {
      const isTaken = systemCode(error) === 'EAGAIN'
      const isUnable = ['ENOTSUP', 'EOPNOTSUPP', 'ENOLCK'].includes(systemCode(error) ?? '')
      if (this.#openFlags === 0 || !(isTaken || isUnable)) throw error
      fd = open(0)
      answer = isTaken ? 'taken' : 'unable'
    }
    this.#told.delete(fd)
    if (answer) this.#told.set(fd, answer)
    return fd
  }

  /** Locks a file that `open` has opened. Once for each opening, and it never waits. */
  lock(fd: number): LockAnswer {
    const told = this.#told.get(fd)
    this.#told.delete(fd)
    if (told) return told
    for (const way of this.#ways) {
      const answer = way(fd)
      if (answer) return answer
    }
    return 'unable'
  }
}
