import type { Cancel } from '../platform/clock.js'
import { sameFile, type FileStatus } from '../platform/disk.js'
import type { Platform } from '../platform/platform.js'
import { reasonOf, RollkeeperError } from '../platform/rollkeeper-error.js'
import type { Watch } from '../platform/watch.js'

/** What is followed: the sequence of files, as far as it is needed here. */
export interface Followed {
  /** The active file. */
  readonly file: { readonly path: string; readonly status: FileStatus }
  /** Looks at the path, and opens it anew where our file is not there. Never throws. */
  follow(): void
}

/** The log is idle after this long without a write, or up to twice as long. In milliseconds. */
const IDLE_MS = 1000

/**
 * For this long nothing is done after something happened to the file, in milliseconds. Who renames it
 * may be about to make the next one (logrotate moves aside what it finds there), and who deletes a
 * directory has not come to its end, and would find it not empty.
 */
const SETTLE_MS = 100

/** A watch is renewed after this long, in milliseconds, for the sake of what no watch tells. */
const RENEW_MS = 10_000

/**
 * Follows the active file while nobody writes: one that was renamed, replaced or deleted by somebody
 * else is left, so that its space is free and the path is there again.
 *
 * Writes look for themselves, so the watch begins after a second without one, and ends at the next.
 * It is renewed every ten seconds, with a look at the path: no watch on a file tells that a directory
 * above it was renamed, or that something was mounted over it. Whatever a watch tells ends it; a look
 * follows, and a second later the next watch: so no storm of events costs more than that.
 *
 * Where nothing can be watched (no chokidar, no watches left) the path is looked at once a second,
 * and one warning says so. Nothing here keeps the process alive.
 */
export class IdleFollow {
  readonly #platform: Platform
  readonly #watch: Watch
  readonly #followed: Followed
  readonly #warn: (error: RollkeeperError) => void
  #status: 'written' | 'quiet' | 'idle' | 'stopped' = 'quiet'
  #means: 'watch' | 'poll' = 'watch'
  #warned: 'not yet' | 'warned' = 'not yet'
  #timer: Cancel | undefined
  #endWatch: Cancel | undefined

  /** @param warn is told, once, that nothing can be watched. */
  constructor(
    platform: Platform,
    watch: Watch,
    followed: Followed,
    warn: (error: RollkeeperError) => void,
  ) {
    this.#platform = platform
    this.#watch = watch
    this.#followed = followed
    this.#warn = warn
    this.#wait(IDLE_MS, () => this.#tick())
  }

  /** Something was written. Called for each batch, so it costs one comparison. */
  written(): void {
    if (this.#status !== 'written') this.#wake()
  }

  /** Stops for good. */
  stop(): void {
    this.#status = 'stopped'
    this.#rest()
  }

  #wake(): void {
    if (this.#status === 'stopped') return
    const wasIdle = this.#status === 'idle'
    this.#status = 'written'
    if (!wasIdle) return
    this.#rest()
    this.#means = 'watch'
    this.#wait(IDLE_MS, () => this.#tick())
  }

  #tick(): void {
    if (this.#status !== 'written') return this.#begin()
    this.#status = 'quiet'
    this.#wait(IDLE_MS, () => this.#tick())
  }

  /** Looks, and begins to watch if our file is at the path; a watch of anything else is of no use. */
  #begin(): void {
    this.#status = 'idle'
    this.#rest()
    const isWatched = this.#findsOurs() && this.#means === 'watch'
    this.#wait(isWatched ? RENEW_MS : IDLE_MS, () => this.#begin())
    if (!isWatched) return
    this.#endWatch = this.#watch(this.#followed.file.path, {
      begun: () => {
        if (!this.#findsOurs()) this.#begin()
      },
      happened: () => this.#wait(SETTLE_MS, () => this.#settled()),
      failed: cause => this.#poll(cause),
    })
  }

  #settled(): void {
    this.#followed.follow()
    this.#wait(IDLE_MS, () => this.#begin())
  }

  #findsOurs(): boolean {
    this.#followed.follow()
    const { path, status } = this.#followed.file
    try {
      const there = this.#platform.disk.lstat(path)
      return there !== undefined && sameFile(there, status)
    } catch {
      return false // `follow` has warned of it
    }
  }

  #poll(cause: unknown): void {
    this.#means = 'poll'
    this.#wait(IDLE_MS, () => this.#begin())
    if (this.#warned === 'warned') return
    this.#warned = 'warned'
    const { path } = this.#followed.file
    const message =
      `cannot watch ${path} while nothing is written (${reasonOf(cause)}); ` +
      'it is looked at once a second instead, and before each batch as always'
    this.#warn(new RollkeeperError('ERR_ROLLKEEPER_OPEN', message, { path, cause }))
  }

  #wait(waitMs: number, callback: () => void): void {
    this.#timer?.()
    this.#timer = this.#platform.clock.after(waitMs, callback)
  }

  #rest(): void {
    this.#timer?.()
    this.#timer = undefined
    this.#endWatch?.()
    this.#endWatch = undefined
  }
}
