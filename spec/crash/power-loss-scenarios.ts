import type { FileAppenderOptions } from '../../lib/appender/options.js'
import { ForgetfulDisk } from '../support/forgetful-disk.js'
import { LoggedLife } from './logged-life.js'

/** A short life of a log that power loss is to cut. */
export interface Scenario {
  readonly name: string
  readonly options: Partial<FileAppenderOptions>
  /** From here to its close, or to a kill after which it gives the life that followed. */
  run(life: LoggedLife): Promise<LoggedLife | void>
}

/** How long calls take, in turns of the event loop: long enough for others to come in between. */
const TURNS: Readonly<Partial<Record<string, number>>> = { datasync: 3, syncDirectory: 2 }

/** A disk for a scenario, or for what comes after it. */
export const DISK_OPTIONS = { turnsOf: (call: string) => TURNS[call] ?? 1 }

const START_MS = Date.parse('2016-09-07T13:03:57.400Z')

/** Runs a scenario on an honest disk, or another, and gives the lives that it had. */
export async function live(
  scenario: Scenario,
  disk = new ForgetfulDisk(DISK_OPTIONS),
): Promise<LoggedLife[]> {
  const life = new LoggedLife(disk, START_MS, scenario.options)
  const next = await scenario.run(life)
  return next ? [life, next] : [life]
}

/** What comes after a kill, on the same disk. */
function reborn(life: LoggedLife, options: Partial<FileAppenderOptions>): LoggedLife {
  life.kill()
  return new LoggedLife(life.disk, life.clock.now(), options, life.books)
}

/** All of them. */
export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'flush, with syncs between',
    options: {},
    async run(life) {
      await life.append(2)
      await life.sync()
      await life.append(3)
      const synced = life.sync()
      await life.append(2) // while it is under way
      await life.log.rotate()
      await life.append(2)
      await synced
      await life.append()
      await life.sync()
      await life.append(2)
      await life.log.close()
    },
  },
  {
    name: 'flush, several rotations within one turn and one sync',
    options: { maxSize: 800 },
    async run(life) {
      await life.append(9)
      await life.append(4)
      await life.turns(1)
      await life.append(4)
      await life.sync()
      await life.append(5)
      await life.log.close()
    },
  },
  {
    name: 'flush, rotations one by one',
    options: {},
    async run(life) {
      for (let rotation = 0; rotation < 4; rotation++) {
        await life.append(2)
        await life.log.rotate()
        if (rotation === 2) await life.log.settled()
      }
      await life.append()
      await life.log.close()
    },
  },
  {
    name: 'sync, with rotations by size',
    options: { maxSize: 900, durability: 'sync' },
    async run(life) {
      await life.append(2)
      await life.append(7)
      const appended = life.append(3)
      await life.turns(2)
      await Promise.all([appended, life.append(3)])
      await life.append(4)
      await life.log.close()
    },
  },
  {
    name: 'sync, with calls of rotate',
    options: { durability: 'sync' },
    async run(life) {
      const done = [life.append(2), life.log.rotate(), life.append(1), life.log.rotate()]
      await life.turns(2)
      done.push(life.append(1), life.log.rotate())
      await life.turns(1)
      done.push(life.append(2))
      await Promise.all(done)
      await life.append(1)
      await life.log.close()
    },
  },
  {
    name: 'a sync now and then, behind',
    options: { syncInterval: '1s', maxSize: 1500 },
    async run(life) {
      for (let batch = 0; batch < 5; batch++) {
        await life.append(2)
        life.clock.pass(700)
        await life.turns(batch * 2)
      }
      await life.log.close()
    },
  },
  {
    name: 'archives',
    options: { compress: 'gzip' },
    async run(life) {
      for (let rotation = 0; rotation < 2; rotation++) {
        await life.append(3)
        await life.sync()
        await life.log.rotate()
        await life.append(1)
        await life.log.settled()
      }
      await life.sync()
      await life.log.close()
    },
  },
  {
    name: 'prune',
    options: { maxBackups: 2, maxSize: 800 },
    async run(life) {
      await life.append(4)
      await life.append(5)
      await life.log.settled()
      await life.append(6)
      await life.sync()
      await life.log.prune()
      await life.log.close()
    },
  },
  {
    name: 'prune of archives',
    options: { maxBackups: 1, compress: 'gzip', durability: 'sync' },
    async run(life) {
      for (let rotation = 0; rotation < 3; rotation++) {
        await life.append(2)
        await life.log.rotate()
        await life.log.settled()
      }
      await life.log.close()
    },
  },
  {
    name: 'hold and release',
    options: { maxBackups: 1, durability: 'sync' },
    async run(life) {
      await life.append(2)
      await life.log.rotate()
      await life.hold(0)
      await life.append(2)
      await life.log.rotate()
      await life.log.settled()
      await life.append(1)
      await life.log.rotate()
      await life.log.settled()
      await life.hold(0)
      await life.log.prune()
      await life.release(1)
      await life.log.settled()
      await life.log.close()
    },
  },
  {
    name: 'hold of archives',
    options: { maxBackups: 1, durability: 'sync', compress: 'gzip' },
    async run(life) {
      await life.append(2)
      await life.log.rotate()
      await life.hold(0) // while it is compressed, perhaps
      await life.log.settled()
      await life.append(2)
      await life.log.rotate()
      await life.log.settled()
      await life.hold(1) // another reason, beside its archive
      await life.log.close()
    },
  },
  {
    name: 'a crash of the process before',
    options: { maxSize: 900 },
    async run(life) {
      await life.append(3)
      await life.sync()
      await life.append(5)
      const next = reborn(life, this.options)
      await next.append(2)
      await next.sync()
      await next.append(4)
      await next.log.close()
      return next
    },
  },
  {
    name: 'a crash of the process before, sync',
    options: { maxSize: 900, durability: 'sync' },
    async run(life) {
      await life.append(3)
      void life.append(6)
      await life.turns(2)
      const next = reborn(life, this.options)
      await next.append(2)
      await next.append(4)
      await next.log.close()
      return next
    },
  },
  {
    name: 'closed and opened again',
    options: { maxSize: 900 },
    async run(life) {
      await life.append(7)
      await life.log.close()
      life.kill() // it has ended anyhow
      const next = new LoggedLife(life.disk, life.clock.now(), this.options, life.books)
      await next.append(4)
      await next.sync()
      await next.log.close()
      return next
    },
  },
  {
    name: 'close',
    options: { durability: 'sync', maxSize: 900 },
    async run(life) {
      const done = [life.append(2), life.append(3)]
      await Promise.all([...done, life.log.close()])
    },
  },
]
