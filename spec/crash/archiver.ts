/**
 * A program that archives the backups of a log. It counts the calls it makes of the disk, tells of
 * them and of its memory, and kills itself at the call that its arguments name: before it, or as soon as it
 * is under way.
 */
import { writeSync } from 'node:fs'
import { systemClock } from '../../lib/platform/clock.js'
import { systemDisk, type Disk } from '../../lib/platform/disk.js'
import { Archive } from '../../lib/retention/archive.js'
import { archivable } from '../support/archives.js'

const [path = '', when = '', at = '0'] = process.argv.slice(2)
const calls: string[] = []
let peakBytes = 0

const disk: Disk = new Proxy(systemDisk, {
  get(target, name: keyof Disk) {
    const call = target[name] as (...args: unknown[]) => unknown
    return (...args: unknown[]) => {
      peakBytes = Math.max(peakBytes, process.memoryUsage.rss()) // `maxRSS` is the parent's too
      const isIt = calls.push(name) === Number(at)
      if (isIt && when === 'before') process.kill(process.pid, 'SIGKILL')
      const result = call(...args)
      if (isIt) process.kill(process.pid, 'SIGKILL')
      return result
    }
  },
})

const archive = new Archive({ disk, clock: systemClock }, 6, {
  archived: () => undefined,
  warn: error => writeSync(2, `${error.stack}\n`),
  due: () => undefined,
  isBusy: () => false,
})
while ((await archive.run(archivable(path))) === 'more');
writeSync(1, JSON.stringify({ calls, peakBytes }))
