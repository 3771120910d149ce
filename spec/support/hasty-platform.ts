import { systemClock, type Clock } from '../../lib/platform/clock.js'
import { systemDisk, type Disk } from '../../lib/platform/disk.js'
import type { Platform } from '../../lib/platform/platform.js'
import { chokidarWatch, type Watch } from '../../lib/platform/watch.js'
import { waitFor } from './run-program.js'

/** How many times as fast time goes here. */
const HASTE = 10

/**
 * The machine, where waits are a tenth as long, and which tells whether a log is being watched: for
 * specs that wait for a log to be idle.
 */
export class HastyPlatform implements Platform {
  readonly disk: Disk
  readonly clock: Clock = {
    ...systemClock,
    after: (waitMs, callback, keeps) => systemClock.after(waitMs / HASTE, callback, keeps),
  }
  readonly watch: Watch
  #watched: string | undefined

  constructor(disk: Disk = systemDisk, watch: Watch = chokidarWatch()) {
    this.disk = disk
    this.watch = (path, listener) => {
      const ended = (): void => (this.#watched = undefined)
      const end = watch(path, {
        begun: () => {
          this.#watched = path
          listener.begun()
        },
        happened: () => {
          ended()
          listener.happened()
        },
        failed: cause => {
          ended()
          listener.failed(cause)
        },
      })
      return () => {
        ended()
        end()
      }
    }
  }

  /** Resolved when the log is idle, and its file is watched. */
  async idle(): Promise<void> {
    await waitFor('a watch', () => this.#watched !== undefined)
  }
}
