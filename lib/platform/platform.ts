import { systemClock, type Clock } from './clock.js'
import { systemDisk, type Disk } from './disk.js'

/** What an appender stands on. A spec puts a faulty disk or a manual clock in its place. */
export interface Platform {
  readonly disk: Disk
  readonly clock: Clock
}

/** The machine. */
export const systemPlatform: Platform = { disk: systemDisk, clock: systemClock }
