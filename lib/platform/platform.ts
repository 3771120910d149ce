import { systemClock, type Clock } from './clock.js'
import { systemDisk, type Disk } from './disk.js'
import { chokidarWatch, type Watch } from './watch.js'

/** What an appender stands on. A spec puts a faulty disk or a manual clock in its place. */
export interface Platform {
  readonly disk: Disk
  readonly clock: Clock
  /** Watches files. Without one, a file is looked at only when something is written. */
  readonly watch?: Watch
}

/** The machine. */
export const systemPlatform: Platform = {
  disk: systemDisk,
  clock: systemClock,
  watch: chokidarWatch(),
}
