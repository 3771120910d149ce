import { gunzipSync } from 'node:zlib'
import { expect } from 'chai'
import * as fc from 'fast-check'
import fs from 'fs-extra'
import { FileAppender } from '../../lib/appender/file-appender.js'
import { archivePath, plainBackup } from '../../lib/backup/backup.js'
import { systemDisk } from '../../lib/platform/disk.js'
import { backupNames, expectSoundDirectory, readLines } from '../support/log-directory.js'
import { ManualClock } from '../support/manual-clock.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

type Step =
  | { do: 'write' | 'append'; text: string }
  | { do: 'bytes'; text: string }
  | { do: 'rotate' | 'reopen' | 'restart' | 'turn' }
  | { do: 'jump'; ms: number }
  | { do: 'pass'; ms: number }

const text = fc.string({ unit: 'grapheme', maxLength: 40 }).map(it => it.replaceAll('\n', ' '))

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constantFrom('write', 'append', 'bytes'), text }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom('rotate', 'reopen', 'restart', 'turn') }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('jump' as const),
      ms: fc.integer({ min: -1e10, max: 1e10 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.nat(100_000) }),
  },
)

describe('any history of writes, rotations, clock jumps and reopens', function () {
  this.timeout(120_000)
  const at = temporaryDirectory()

  it('gives back the records, whole and in order, in files within their limits', async () => {
    let run = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 60 }),
        fc.constantFrom(1, 20, 100, 1000),
        fc.constantFrom(0, 16, 64 * 1024),
        fc.constantFrom('flush' as const, 'sync' as const),
        async (steps, maxSize, batchBytes, durability) => {
          const path = at(`run-${run++}`, 'audit.log')
          const clock = new ManualClock()
          const rotation = ({ openedAt }: { openedAt: Date }) => ({
            until: new Date(openedAt.getTime() + 60_000),
          })
          const open = () =>
            new FileAppender(
              { path, maxSize, batchBytes, durability, rotation },
              { disk: systemDisk, clock },
            )
          let log = open()
          const expected: string[] = []
          const acknowledged: Promise<void>[] = []
          for (const it of steps) {
            if (it.do === 'write') log.write(`${it.text}\n`)
            if (it.do === 'bytes') log.write(Buffer.from(`${it.text}\n`))
            if (it.do === 'append') acknowledged.push(log.append(`${it.text}\n`))
            if ('text' in it) expected.push(Buffer.from(it.text).toString())
            if (it.do === 'rotate') await log.rotate()
            if (it.do === 'reopen') await log.reopen()
            if (it.do === 'turn') await new Promise(setImmediate)
            if (it.do === 'jump') clock.set(clock.now() + it.ms)
            if (it.do === 'pass') clock.pass(it.ms)
            if (it.do === 'restart') {
              await log.close()
              log = open()
            }
          }
          await log.close()
          await Promise.all(acknowledged)
          expect(readLines(path)).to.deep.equal(expected)
          expectSoundDirectory(path)
          for (const name of backupNames(path)) {
            const content = fs.readFileSync(at(`run-${run - 1}`, name))
            const single = content.indexOf(0x0a) === content.length - 1
            expect(content.length <= maxSize || single, `${name} is too long`).to.equal(true)
          }
        },
      ),
      { numRuns: 200 },
    )
  })
})

/** What is done to a log whose old backups go, but for those that are held. */
const careful = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('write' as const), text }) },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constantFrom('rotate', 'prune', 'settle', 'turn', 'restart') }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('hold', 'release'), place: fc.nat(4) }),
  },
)

describe('any history of rotations, prunes and holds', function () {
  this.timeout(120_000)
  const at = temporaryDirectory()
  const KEPT = 2

  it('keeps the newest and the held, whole and in order, and nothing else', async () => {
    let run = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(careful, { maxLength: 40 }),
        fc.constantFrom(20, 100),
        fc.constantFrom<false | 'gzip'>(false, 'gzip'),
        async (steps, maxSize, compress) => {
          const path = at(`run-${run++}`, 'audit.log')
          const clock = new ManualClock()
          const open = () =>
            new FileAppender(
              { path, maxSize, compress, maxBackups: KEPT },
              { disk: systemDisk, clock },
            )
          let log = open()
          const expected: string[] = []
          /** Times of the backups that are held, with what is in them. */
          const held = new Map<number, string>()
          for (const it of steps) {
            if (it.do === 'write') {
              log.write(`${it.text}\n`)
              expected.push(Buffer.from(it.text).toString())
            }
            if (it.do === 'rotate') await log.rotate()
            if (it.do === 'prune') await log.prune()
            if (it.do === 'settle') await log.settled()
            if (it.do === 'turn') await new Promise(setImmediate)
            if (it.do === 'hold' || it.do === 'release') {
              await log.settled() // what one asks for is there, and stays until it is asked for
              const backup = (await log.backups())[it.place]
              if (backup && it.do === 'hold') {
                await log.hold(backup, 'why')
                held.set(+backup.time, readBackup(path, backup.time))
              } else if (backup) {
                await log.release(backup)
                held.delete(+backup.time)
              }
            }
            if (it.do === 'restart') {
              await log.close()
              log = open()
            }
          }
          await log.flush()
          await log.settled()
          await log.prune()
          const backups = await log.backups()
          await log.close()

          const younger = backups.slice(0, KEPT).map(({ time }) => +time)
          const times = new Set([...younger, ...held.keys()])
          expect(new Set(backups.map(({ time }) => +time))).to.deep.equal(times)
          const heldNow = backups.filter(backup => backup.held === 'why').map(({ time }) => +time)
          expect(new Set(heldNow)).to.deep.equal(new Set(held.keys()))
          for (const [time, content] of held) {
            expect(readBackup(path, new Date(time))).to.equal(content)
          }
          expectSoundDirectory(path)
          const lines = readLines(path)
          let from = 0
          for (const line of lines) from = expected.indexOf(line, from) + 1 || expect.fail(line)
          const youngest = younger.toReversed().map(time => readBackup(path, new Date(time)))
          const end = youngest.join('') + fs.readFileSync(path, 'utf8')
          expect(
            expected
              .map(line => `${line}\n`)
              .join('')
              .endsWith(end),
          ).to.equal(true)
        },
      ),
      { numRuns: 60 },
    )
  })
})

/** What is in the backup of a time, compressed or not. */
function readBackup(path: string, time: Date): string {
  const plain = plainBackup(path, time, 0)
  if (fs.existsSync(plain.path)) return fs.readFileSync(plain.path, 'utf8')
  return gunzipSync(fs.readFileSync(archivePath(plain))).toString('utf8')
}
