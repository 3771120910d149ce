import { expect } from 'chai'
import * as fc from 'fast-check'
import { FileAppender } from '../../lib/appender/file-appender.js'
import type { Backup } from '../../lib/backup/backup.js'
import { systemDisk, type Disk } from '../../lib/platform/disk.js'
import { backupNames, expectSoundDirectory, readLines } from '../support/log-directory.js'
import { ManualClock } from '../support/manual-clock.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000
const YEAR_MS = 365 * DAY_MS
const START = Date.parse('2016-02-27T22:00:00.000Z')

/** What nobody loses power for: a log of thousands of histories. */
const disk: Disk = {
  ...systemDisk,
  datasync: async () => undefined,
  syncDirectory: async () => undefined,
}

/** What is known of a backup by who knows the true time. */
interface Closed {
  readonly run: number
  /** True time, in milliseconds since the start. */
  readonly closedMs: number
  /** Whether its name says no earlier time than the true one. */
  readonly stamp: 'right or later' | 'earlier'
  readonly lines: readonly string[]
}

const steps = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.record({ do: fc.constant('rotate' as const) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('prune', 'right', 'restart') }) },
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constantFrom('step', 'pass', 'suspend'),
        by: fc.oneof(
          fc.integer({ min: -90 * MINUTE_MS, max: 90 * MINUTE_MS }),
          fc.integer({ min: -20 * DAY_MS, max: 20 * DAY_MS }),
          fc.integer({ min: -3 * YEAR_MS, max: 3 * YEAR_MS }),
        ),
      }),
    },
  ),
  { maxLength: 40 },
)

describe('any history of a log whose clock is set', function () {
  this.timeout(120_000)
  const at = temporaryDirectory()

  it('prunes nothing by age that a right clock would keep, and keeps order, names and records', async () => {
    let runs = 0
    await fc.assert(
      fc.asyncProperty(
        steps,
        fc.constantFrom(30 * MINUTE_MS, 2 * DAY_MS, YEAR_MS),
        async (history, maxAgeMs) => {
          const path = at(`run-${runs++}`, 'audit.log')
          const clock = new ManualClock(new Date(START).toISOString())
          const trueNow = (): number => START + clock.running()
          const closed = new Map<string, Closed>()
          const gone: string[] = []
          const names: string[] = []
          let run = 0
          let line = 0
          let open: string[] = []

          const forget = (backups: readonly Backup[]): void => {
            for (const { name } of backups) {
              const was = closed.get(name) ?? expect.fail(`${name} was none of ours`)
              const ageMs = clock.running() - was.closedMs
              const isKnown = was.run === run || was.stamp === 'right or later'
              if (isKnown) expect(ageMs, `age of ${name}`).to.be.above(maxAgeMs)
              gone.push(...was.lines)
              closed.delete(name)
            }
          }
          const start = (): FileAppender => {
            clock.set(trueNow())
            run++
            const maxAge = `${maxAgeMs}ms`
            return new FileAppender({ path, maxAge }, { disk, clock }).on('prune', forget)
          }
          /** Time stands still until the work behind is done, and was told of. */
          const settle = async (): Promise<void> => {
            await log.settled()
            await new Promise(setImmediate)
          }

          let log = start()
          await settle()
          for (const it of history) {
            if (it.do === 'step') clock.set(clock.now() + it.by)
            if (it.do === 'right') clock.set(trueNow())
            if (it.do === 'pass') clock.pass(Math.abs(it.by))
            if (it.do === 'suspend') clock.suspend(Math.abs(it.by))
            if (it.do === 'prune') await log.prune()
            if (it.do === 'rotate') {
              open.push(`line ${line++}`)
              log.write(`line ${line - 1}\n`)
              const { name = '', time } = (await log.rotate()) ?? {}
              names.push(name)
              const stamp = Number(time) >= trueNow() ? 'right or later' : 'earlier'
              closed.set(name, { run, closedMs: clock.running(), stamp, lines: open })
              open = []
            }
            if (it.do === 'restart') {
              await log.close()
              await new Promise(setImmediate)
              log = start()
            }
            await settle()
          }
          await log.close()
          await new Promise(setImmediate)

          expect(names.toSorted()).to.deep.equal(names)
          expect(new Set(names).size).to.equal(names.length)
          expect(backupNames(path)).to.deep.equal([...closed.keys()])
          const kept = [...closed.values()].flatMap(({ lines }) => lines)
          expect(readLines(path)).to.deep.equal(kept)
          expect(gone.length + kept.length).to.equal(line)
          expectSoundDirectory(path)

          // And with a right clock everything goes in its time, but what is named after the future.
          log = start()
          await settle()
          const dueMs = trueNow() - maxAgeMs
          expect((await log.backups()).every(({ time }) => +time >= dueMs)).to.equal(true)
          await log.close()
        },
      ),
      { numRuns: 150 },
    )
  })
})
