import { expect } from 'chai'
import * as fc from 'fast-check'
import fs from 'fs-extra'
import { FileAppender } from '../../lib/appender/file-appender.js'
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
