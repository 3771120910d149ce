import { once } from 'node:events'
import { expect } from 'chai'
import * as fc from 'fast-check'
import fs from 'fs-extra'
import { Delivery, type OnFull } from '../../lib/appender/delivery.js'
import { FileAppender } from '../../lib/appender/file-appender.js'
import { FileSequence } from '../../lib/appender/file-sequence.js'
import { formatGap, type Gap } from '../../lib/appender/gap.js'
import { parseOptions, type FileAppenderOptions } from '../../lib/appender/options.js'
import { auditGapRecord } from '../../lib/audit/audit-line.js'
import { parseLine } from '../../lib/audit/parsed-line.js'
import { systemDisk, type Disk } from '../../lib/platform/disk.js'
import { mistyped } from '../audit/mistyped.js'
import { FaultyDisk, systemError } from '../support/faulty-disk.js'
import { expectSoundDirectory, readLines, readLog } from '../support/log-directory.js'
import { ManualClock } from '../support/manual-clock.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const GAP = /^2016-09-07T13:\S+Z rollkeeper: gap records=(\d+) bytes=(\d+) why="ENOSPC"$/
const MODES: readonly OnFull[] = ['wait', 'drop', 'throw']

/** A disk with room for so many bytes: it takes what fits of a write, and of the next nothing. */
class SmallDisk {
  room = 0
  /** What each write was given, whether it was taken or not. */
  readonly offered: Uint8Array[] = []
  readonly disk: Disk

  constructor() {
    this.disk = {
      ...systemDisk,
      write: (fd, bytes, offset, length) => {
        this.offered.push(bytes)
        if (this.room === 0) throw systemError('ENOSPC')
        const taken = systemDisk.write(fd, bytes, offset, Math.min(length, this.room))
        this.room -= taken
        return taken
      },
    }
  }
}

/** A record of so many bytes that tells who it is. */
const record = (id: number | string, bytes = 20): string => `${String(id).padEnd(bytes - 1, '.')}\n`

describe('Delivery, past maxPending', () => {
  const at = temporaryDirectory()
  let small: SmallDisk
  let faulty: FaultyDisk
  let clock: ManualClock
  let log: FileAppender
  let told: [string, unknown][]

  /** Opens a log on a full disk, and lets it find that out by a first record of 20 bytes. */
  async function openFull(options: Partial<FileAppenderOptions> = {}): Promise<void> {
    log = new FileAppender(
      { path: at('audit.log'), maxPending: 200, ...options },
      { disk: faulty.disk, clock },
    )
    for (const event of ['warning', 'gap', 'drain', 'error'] as const) {
      log.on(event, (about?: unknown) => told.push([event, about]))
    }
    small.room = 0
    log.write(record('first'))
    await nextTurn()
  }

  /** Lets announced events come. */
  const nextTurn = () => new Promise(setImmediate)

  function makeRoom(bytes = Infinity): void {
    small.room = bytes
    clock.pass(250)
  }

  const gapsTold = () => told.filter(([event]) => event === 'gap').map(([, gap]) => gap as Gap)
  const codesTold = () =>
    told
      .filter(([event]) => event === 'warning')
      .map(([, error]) => (error as { code: string }).code)

  /** The lines of the log in short: who it is, or how many records and bytes are missing. */
  const linesInShort = () =>
    readLines(at('audit.log'))
      .map(line => {
        const [, records, bytes] = GAP.exec(line) ?? []
        return records ? `gap ${records} ${bytes}` : line.replace(/\.+$/, '')
      })
      .join(', ')

  const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
    promise.then(
      () => 'kept',
      (error: { code?: string }) => error.code,
    )

  beforeEach(() => {
    small = new SmallDisk()
    faulty = new FaultyDisk(small.disk)
    clock = new ManualClock()
    told = []
  })

  afterEach(async () => {
    faulty.heal()
    small.room = Infinity
    await log?.close().catch(() => undefined)
  })

  describe('write', () => {
    it('answers false from a sixteenth of maxPending on, in bytes, not in characters', async () => {
      for (const text of ['x'.repeat(12), '€€€€']) {
        await openFull({ maxPending: (20 + 13 + 13) * 16 })
        expect(log.write(`${text}\n`)).to.equal(true)
        expect(log.write(`${text}\n`)).to.equal(false)
        small.room = Infinity
        await log.close()
      }
    })

    it('fills maxPending to the byte, in bytes, not in characters', async () => {
      for (const over of [0, 1]) {
        await openFull({ maxPending: 20 + 10 - over })
        log.write('€€€\n')
        expect(log.stats()).to.include({ dropped: over, pendingBytes: 30 - 10 * over })
        small.room = Infinity
        await log.close()
      }
    })

    it('takes bytes and text alike', async () => {
      await openFull({ maxPending: 40 })
      log.write(Buffer.from(record('bytes')))
      log.write(Buffer.from(record('lost')))
      makeRoom()
      expect(linesInShort()).to.equal('first, bytes, gap 1 20')
    })

    it('loses a record that is longer than all that may wait, and keeps those after it', async () => {
      await openFull()
      log.write(record('long', 201))
      log.write(record('short'))
      makeRoom()
      expect(linesInShort()).to.equal('first, gap 1 201, short')
    })

    it('goes on losing until half of maxPending is free again', async () => {
      await openFull()
      for (let i = 1; i < 11; i++) log.write(record(i))
      makeRoom(20 * 4)
      log.write(record('lost'))
      makeRoom(20)
      log.write(record('lost'))
      makeRoom(20)
      log.write(record('kept'))
      makeRoom()
      expect(linesInShort()).to.equal('first, 1, 2, 3, 4, 5, 6, 7, 8, 9, gap 3 60, kept')
    })

    it('goes on as before when there is room again', async () => {
      await openFull()
      for (let i = 1; i < 12; i++) log.write(record(i))
      const drained = once(log, 'drain')
      makeRoom()
      await drained
      expect(log.write(record('after'))).to.equal(true)
      await log.flush()
      expect(linesInShort()).to.match(/, 9, gap 2 40, after$/)
      expect(log.stats()).to.include({ dropped: 2, pendingBytes: 0 })
    })
  })

  for (const onFull of MODES) {
    describe(`onFull: '${onFull}'`, () => {
      it('takes all until maxPending waits, and writes it when there is room', async () => {
        await openFull({ onFull })
        const appended = [1, 2, 3].map(id => log.append(record(id)))
        for (const id of [4, 5, 6, 7, 8, 9]) log.write(record(id))
        makeRoom()
        await Promise.all(appended)
        expect(linesInShort()).to.equal('first, 1, 2, 3, 4, 5, 6, 7, 8, 9')
        expect(log.stats().dropped).to.equal(0)
      })

      it('refuses what is no record, and does not count it', async () => {
        await openFull({ onFull, maxPending: 20 })
        expect(() => log.write('no end')).to.throw(TypeError)
        const error = await log.append('no end').catch((caught: unknown) => caught)
        expect(error).to.be.instanceOf(TypeError)
        expect(log.stats()).to.include({ dropped: 0, pendingBytes: 20 })
      })

      it('brings nobody down who does not await what is refused', async () => {
        const unhandled: unknown[] = []
        const hear = (error: unknown) => unhandled.push(error)
        process.on('unhandledRejection', hear)
        try {
          await openFull({ onFull, maxPending: 20 })
          void log.append(record('refused'))
          await log.close().catch(() => undefined)
          await nextTurn()
          expect(unhandled).to.deep.equal([])
        } finally {
          process.off('unhandledRejection', hear)
        }
      })

      it('refuses everything after the end', async () => {
        await openFull({ onFull, maxPending: 20 })
        await log.close().catch(() => undefined)
        expect(() => log.write(record(1)))
          .to.throw()
          .with.property('code', 'ERR_ROLLKEEPER_CLOSED')
        expect(await codeOf(log.append(record(1)))).to.equal('ERR_ROLLKEEPER_CLOSED')
        expect(log.stats().dropped).to.equal(1)
      })
    })
  }

  it("'wait' lets appends wait, and tells of one gap behind them, however they were mixed", async () => {
    await openFull({ maxPending: 40 })
    log.write(record('kept'))
    log.write(record('lost'))
    const one = log.append(record('one'))
    log.write(record('lost', 30))
    log.write(record('lost', 40))
    const two = log.append(record('two'))
    const three = log.append(record('three'))
    log.write(record('lost'))
    await nextTurn()
    makeRoom()
    await Promise.all([one, two, three])
    expect(linesInShort()).to.equal('first, kept, one, two, three, gap 4 110')
    await nextTurn()
    expect(gapsTold()).to.deep.equal([{ records: 4, bytes: 110, why: 'ENOSPC' }])
    expect(log.stats().dropped).to.equal(4)
  })

  it("'drop' drops both, counts them, and says so", async () => {
    await openFull({ onFull: 'drop', maxPending: 40 })
    log.write(record('kept'))
    expect(log.write(record('lost'))).to.equal(false)
    const error = await log.append(record('lost', 30)).catch((caught: unknown) => caught)
    expect(error).to.include({ code: 'ERR_ROLLKEEPER_DROPPED', path: at('audit.log') })
    expect(error).to.have.nested.property('cause.code', 'ENOSPC')
    expect(log.stats().dropped).to.equal(2)
    makeRoom()
    expect(linesInShort()).to.equal('first, kept, gap 2 50')
    await log.append(record('after'))
  })

  it("'throw' leaves the record to its caller, and counts nothing as lost", async () => {
    await openFull({ onFull: 'throw', maxPending: 40 })
    expect(() => log.write(record('refused', 21)))
      .to.throw(/ENOSPC/)
      .include({ code: 'ERR_ROLLKEEPER_FULL', path: at('audit.log') })
    expect(await codeOf(log.append(record('refused', 21)))).to.equal('ERR_ROLLKEEPER_FULL')
    expect(log.write(record('kept'))).to.equal(false)
    const drained = once(log, 'drain')
    makeRoom()
    await drained
    log.write(record('after'))
    await log.flush()
    expect(linesInShort()).to.equal('first, kept, after')
    expect(log.stats().dropped).to.equal(0)
    expect(codesTold()).to.deep.equal(['ERR_ROLLKEEPER_FULL'])
  })

  it("'throw' promises a drain also when it was the first record that it refused", async () => {
    await openFull({ onFull: 'throw', maxPending: '1KiB' })
    expect(() => log.write(record('refused', 2000))).to.throw()
    const drained = once(log, 'drain')
    makeRoom()
    await drained
  })

  it('warns that records are dropped once for each time that writing is impossible', async () => {
    await openFull({ maxPending: 20 })
    for (let i = 0; i < 3; i++) {
      log.write(record('lost'))
      void log.append(record(i))
    }
    await nextTurn()
    expect(codesTold()).to.deep.equal(['ERR_ROLLKEEPER_FULL', 'ERR_ROLLKEEPER_DROPPED'])
    makeRoom()
    small.room = 0
    log.write(record('again'))
    expect(() => log.flushSync()).to.throw()
    log.write(record('lost'))
    await nextTurn()
    expect(codesTold().slice(2)).to.deep.equal(['ERR_ROLLKEEPER_FULL', 'ERR_ROLLKEEPER_DROPPED'])
  })

  it('takes a full quota, and no room for the file itself, for a full disk', async () => {
    await openFull()
    makeRoom()
    await nextTurn()
    for (const [call, code] of [
      ['write', 'EDQUOT'],
      ['create', 'ENOSPC'],
      ['create', 'EDQUOT'],
    ] as const) {
      told = []
      if (call === 'create') fs.unlinkSync(at('audit.log'))
      faulty.fail(call, code)
      log.write(record('kept', 200))
      await nextTurn()
      log.write(record('lost'))
      faulty.heal()
      clock.pass(250)
      await nextTurn()
      expect(codesTold()).to.deep.equal(['ERR_ROLLKEEPER_FULL', 'ERR_ROLLKEEPER_DROPPED'])
      expect(gapsTold()).to.deep.equal([{ records: 1, bytes: 20, why: code }])
    }
  })

  it('tries once more at close, and counts each lost record once, gap lines not at all', async () => {
    await openFull({ maxPending: 40 })
    const appended = log.append(record('waits'))
    log.write(record('lost'))
    const two = log.append(record('waits too'))
    log.write(record('lost'))
    const failure = await log.close().catch((caught: unknown) => caught)
    expect(failure).to.have.property('code', 'ERR_ROLLKEEPER_FULL')
    expect(await appended.catch((caught: unknown) => caught)).to.equal(failure)
    expect(await two.catch((caught: unknown) => caught)).to.equal(failure)
    expect(log.stats()).to.include({ dropped: 5, pendingBytes: 0 })
    await nextTurn()
    expect(gapsTold()).to.deep.equal([{ records: 5, bytes: 100, why: 'ENOSPC' }])
  })

  it('counts what is lost at close to the record, wherever the last write ended', async () => {
    const gapBytes = formatGap({ records: 1, bytes: 20, why: 'ENOSPC' }, clock.now()).length
    for (const [room, kept] of [
      [19, 0],
      [20, 1],
      [40, 2],
      [60, 3],
      [60 + gapBytes - 1, 3],
      [60 + gapBytes, 3],
    ] as const) {
      told = []
      await openFull({ maxPending: 40 })
      void log.append(record('waits'))
      log.write(record('lost'))
      void log.append(record('waits too'))
      small.room = room
      const isKept = await log.close().then(
        () => true,
        () => false,
      )
      expect(isKept).to.equal(room === 60 + gapBytes)
      expect(log.stats().dropped, `room for ${room} bytes`).to.equal(4 - kept)
      await nextTurn()
      expect(gapsTold().reduce((sum, { records }) => sum + records, 0)).to.equal(4 - kept)
      fs.removeSync(at('audit.log'))
    }
  })

  it('acknowledges under sync what waited, after a sync', async () => {
    await openFull({ durability: 'sync', maxPending: 20 })
    const appended = log.append(record('one'))
    makeRoom()
    faulty.calls.length = 0
    await appended
    expect(faulty.calls).to.include('datasync')
    expect(linesInShort()).to.equal('first, one')
  })

  describe('gapRecord', () => {
    async function gapBy(gapRecord: unknown, options: object = {}): Promise<void> {
      await openFull({ maxPending: 20, gapRecord: mistyped(gapRecord), ...options })
      log.write(record('lost'))
      log.write(record('lost', 30))
      makeRoom()
      await nextTurn()
    }

    it('writes the gap in its words', async () => {
      let given: unknown
      await gapBy((gap: unknown) => {
        given = gap
        return 'it is gone\n'
      })
      expect(given).to.deep.equal({ records: 2, bytes: 50, why: 'ENOSPC' })
      expect(linesInShort()).to.equal('first, it is gone')
      expect(codesTold()).not.to.include('ERR_ROLLKEEPER_POLICY')
    })

    it('may be auditGapRecord, which parseLine reads back', async () => {
      await gapBy(auditGapRecord)
      const [first, gap] = readLines(at('audit.log'))
      expect(first).to.match(/^first/)
      expect(parseLine(gap!)).to.include({ kind: 'gap', records: 2, bytes: 50, why: 'ENOSPC' })
    })

    it('may write several lines, as one record', async () => {
      await gapBy(() => 'it is\ngone\n')
      expect(linesInShort()).to.equal('first, it is, gone')
      expect(log.stats().records).to.equal(2)
    })

    it('may write more than a whole file may have: it is kept alone', async () => {
      await gapBy(() => `${'gone '.repeat(20)}\n`, { maxSize: 30 })
      await log.settled()
      expect(log.stats()).to.include({ oversized: 1, rotations: 1, dropped: 2 })
      expect(readLog(at('audit.log'))).to.match(/^first\.+\n(gone ){20}\n$/)
      expectSoundDirectory(at('audit.log'))
    })

    for (const [what, gapRecord] of [
      [
        'throws',
        () => {
          throw new Error('no words')
        },
      ],
      [
        'throws what is no error',
        () => {
          throw undefined
        },
      ],
      ['gives nothing', () => undefined],
      ['gives an empty text', () => ''],
      ['gives a text without an end', () => 'gone'],
      ['gives no text', () => 7],
      ['gives bytes', () => Buffer.from('gone\n')],
      ['gives a promise', () => Promise.resolve('gone\n')],
    ] as const) {
      it(`that ${what} is a warning, and the gap is written as usual`, async () => {
        await gapBy(gapRecord)
        expect(linesInShort()).to.equal('first, gap 2 50')
        expect(codesTold().at(-1)).to.equal('ERR_ROLLKEEPER_POLICY')
        expect(told.find(([, about]) => /option gapRecord/.test(String(about)))).not.to.equal(
          undefined,
        )
        expect(gapsTold()).to.deep.equal([{ records: 2, bytes: 50, why: 'ENOSPC' }])
      })
    }

    it('cannot change what is told of the gap', async () => {
      await gapBy((gap: { records: number }) => {
        gap.records = 0
        throw new Error('no words')
      })
      expect(linesInShort()).to.equal('first, gap 2 50')
    })

    it('may write to the log itself', async () => {
      await gapBy(() => {
        log.write(record('aside'))
        return 'gone\n'
      })
      expect(linesInShort()).to.equal('first, aside, gone')
      expect(log.stats()).to.include({ dropped: 2, pendingBytes: 0 })
    })

    it('may make the log write: nothing is left behind', async () => {
      const gapRecord = () => {
        small.room = Infinity
        log.flushSync()
        return 'gone\n'
      }
      for (const way of ['write', 'append'] as const) {
        fs.removeSync(at('audit.log'))
        await openFull({ maxPending: 100, gapRecord })
        log.write(record('lost', 200))
        await log[way](record('one'))
        expect(linesInShort()).to.equal('first, gone, one')
        expect(log.stats().pendingBytes).to.equal(0)
        await log.close()
      }
    })
  })

  it('acknowledges no record before it is written, whatever gapRecord does', async () => {
    const gapRecord = () => {
      small.room = 20
      log.flushSync()
      return 'gone\n'
    }
    await openFull({ maxPending: 100, gapRecord })
    log.write(record('lost', 200))
    let isKept = false
    const appended = log.append(record('one')).then(() => (isKept = true))
    await nextTurn()
    expect([isKept, linesInShort()]).to.deep.equal([false, 'first'])
    makeRoom()
    await appended
    expect(linesInShort()).to.equal('first, gone, one')
  })

  it('keeps all that it took, in order, with each gap at its place, on a disk that comes and goes', async () => {
    type Step = { room: number } | { way: 'write' | 'append'; bytes: number }
    const bytes = fc.integer({ min: 10, max: 60 })
    const step: fc.Arbitrary<Step> = fc.oneof(
      { weight: 1, arbitrary: fc.record({ room: fc.nat({ max: 150 }) }) },
      { weight: 4, arbitrary: fc.record({ way: fc.constant('write'), bytes }) },
      { weight: 2, arbitrary: fc.record({ way: fc.constant('append'), bytes }) },
    )
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...MODES),
        fc.option(fc.integer({ min: 40, max: 300 }), { nil: undefined }),
        fc.array(step, { minLength: 10, maxLength: 60 }),
        async (onFull, maxSize, steps) => {
          fs.emptyDirSync(at())
          told = []
          await openFull({ onFull, maxSize })
          const expected: string[] = ['first']
          const settled: Promise<unknown>[] = []
          let dropped = 0
          let gap = { records: 0, bytes: 0 }
          let gaps = 0
          const lose = (lost: number) => {
            dropped++
            gap = { records: gap.records + 1, bytes: gap.bytes + lost }
          }
          /** A gap that has ended stands behind what was kept before, and before what comes. */
          const endGap = async () => {
            await nextTurn()
            if (gapsTold().length === gaps) return
            gaps++
            expected.push(`gap ${gap.records} ${gap.bytes}`)
            gap = { records: 0, bytes: 0 }
          }
          for (const [id, one] of steps.entries()) {
            if ('room' in one) {
              makeRoom(one.room)
              await endGap()
              continue
            }
            const text = record(id, one.bytes)
            if (one.way === 'write') {
              try {
                log.write(text)
                await endGap()
                if (log.stats().dropped > dropped) lose(one.bytes)
                else expected.push(String(id))
              } catch (error) {
                expect(onFull, String(error)).to.equal('throw')
              }
            } else {
              const appended = log.append(text)
              settled.push(codeOf(appended))
              let isRefused = false
              appended.catch(() => (isRefused = true))
              await endGap()
              if (log.stats().dropped > dropped) lose(one.bytes)
              else if (!isRefused) expected.push(String(id))
            }
            await nextTurn()
          }
          makeRoom()
          await endGap()
          await log.close()
          const allowed = {
            wait: [],
            drop: ['ERR_ROLLKEEPER_DROPPED'],
            throw: ['ERR_ROLLKEEPER_FULL'],
          }
          expect(await Promise.all(settled)).to.satisfy((codes: string[]) =>
            codes.every(code => ['kept', ...allowed[onFull]].includes(code)),
          )
          await nextTurn()
          expect(linesInShort()).to.equal(expected.join(', '))
          expect(log.stats().dropped).to.equal(dropped)
          expect(gapsTold().reduce((sum, { records }) => sum + records, 0)).to.equal(dropped)
          expectSoundDirectory(at('audit.log'))
        },
      ),
      { numRuns: 60 },
    )
  })

  describe('by itself', () => {
    let delivery: Delivery
    let asked: number

    /** A delivery without an appender, on a full disk that it knows of. */
    function openDelivery(options: Partial<FileAppenderOptions> = {}): void {
      const platform = { disk: faulty.disk, clock }
      const settings = parseOptions({ path: at('audit.log'), follow: false, ...options })
      const ignore = () => undefined
      const owner = {
        rotated: ignore,
        reopened: ignore,
        recovered: ignore,
        due: ignore,
        warn: ignore,
      }
      asked = 0
      delivery = new Delivery({
        platform,
        sequence: new FileSequence(platform, settings, owner),
        options: settings,
        commit: undefined,
        drained: ignore,
        lost: gap => told.push(['gap', gap]),
        full: () => asked++,
        warn: ignore,
      })
      small.room = 0
      delivery.write(record('first'))
      expect(delivery.handOver()).not.to.equal(undefined)
    }

    afterEach(() => {
      faulty.heal()
      small.room = Infinity
      delivery.end()
      expect(clock.waiting).to.equal(0)
    })

    it('asks for room when a full disk is found, and each half minute while it lasts', () => {
      openDelivery()
      expect(asked).to.equal(1)
      clock.pass(29_750)
      expect(asked).to.equal(1)
      clock.pass(500)
      expect(asked).to.equal(2)
      clock.pass(60_000)
      expect(asked).to.equal(4)
      makeRoom()
      expect(clock.waiting).to.equal(0)
      clock.pass(60_000)
      expect(asked).to.equal(4)
      small.room = 0
      delivery.write(record('again'))
      delivery.handOver()
      expect(asked).to.equal(5)
    })

    it('asks for room only where that is what is missing', () => {
      openDelivery()
      makeRoom()
      faulty.fail('write', 'EIO')
      delivery.write(record('one'))
      delivery.handOver()
      clock.pass(60_000)
      expect(asked).to.equal(1)
      faulty.fail('write', 'EDQUOT')
      clock.pass(250)
      expect(asked).to.equal(2)
    })

    it('tries again when it is told to, at once, if writing was impossible', () => {
      openDelivery()
      delivery.tryAgain()
      expect(readLog(at('audit.log'))).to.equal('')
      small.room = Infinity
      delivery.tryAgain()
      expect(linesInShort()).to.equal('first')
      delivery.write(record('one'))
      delivery.tryAgain()
      expect(linesInShort()).to.equal('first')
    })

    it('gives each try the same few bytes, however much waits', () => {
      openDelivery()
      for (let i = 0; i < 50_000; i++) delivery.write(record(i, 200))
      expect(delivery.pendingBytes).to.equal(20 + 50_000 * 200)
      small.offered.length = 0
      clock.pass(2500)
      const [one, ...others] = small.offered
      expect(others).to.have.length(9)
      expect(one!.length).to.be.at.most(256 * 1024)
      for (const other of others) expect(other.buffer).to.equal(one!.buffer)
      makeRoom()
      expect(readLines(at('audit.log'))).to.have.length(50_001)
    })

    it('keeps what waited already as it will be written: no try encodes it again', () => {
      openDelivery()
      small.offered.length = 0
      clock.pass(500)
      const [one, other] = small.offered
      expect(one!.buffer).to.equal(other!.buffer)
      expect(one!.buffer.byteLength, 'not what batches pass through').to.be.at.most(16 * 1024)
    })

    it('tells on leaving what is lost, and what waits', () => {
      openDelivery({ maxPending: 40 })
      void delivery.append(record('waits'))
      delivery.write(record('lost'))
      void delivery.append(record('waits too'))
      delivery.write(record('lost', 30))
      expect(delivery.leave()).to.deep.equal({ records: 5, bytes: 110, why: 'ENOSPC' })
      expect(delivery.write(record('late'))).to.equal(false)
      expect(delivery.dropped).to.equal(3)
    })

    it('takes nothing more on leaving, by the way that was chosen', async () => {
      openDelivery({ onFull: 'throw' })
      delivery.leave()
      expect(() => delivery.write(record('late')))
        .to.throw()
        .with.property('code', 'ERR_ROLLKEEPER_FULL')
      expect(await codeOf(delivery.append(record('late')))).to.equal('ERR_ROLLKEEPER_FULL')
      delivery.end()
      openDelivery({ onFull: 'drop' })
      delivery.leave()
      expect(await codeOf(delivery.append(record('late')))).to.equal('ERR_ROLLKEEPER_DROPPED')
    })
  })
})
