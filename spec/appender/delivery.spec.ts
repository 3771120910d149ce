import { once } from 'node:events'
import { expect } from 'chai'
import fs from 'fs-extra'
import { FileAppender } from '../../lib/appender/file-appender.js'
import type { FileAppenderOptions } from '../../lib/appender/options.js'
import { FaultyDisk, systemError } from '../support/faulty-disk.js'
import { readLines, readLog } from '../support/log-directory.js'
import { ManualClock } from '../support/manual-clock.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const MIB = 1024 * 1024

describe('Delivery', () => {
  const at = temporaryDirectory()
  let faulty: FaultyDisk
  let clock: ManualClock
  let log: FileAppender
  let told: [string, unknown][]

  function open(options: Partial<FileAppenderOptions> = {}): void {
    log = new FileAppender({ path: at('audit.log'), ...options }, { disk: faulty.disk, clock })
    for (const event of ['warning', 'gap', 'drain', 'error'] as const) {
      log.on(event, (about?: unknown) => told.push([event, about]))
    }
  }

  /** Lets announced events come. */
  const nextTurn = () => new Promise(setImmediate)

  beforeEach(() => {
    faulty = new FaultyDisk()
    clock = new ManualClock()
    told = []
    open()
  })

  afterEach(async () => {
    faulty.heal()
    await log.close().catch(() => undefined)
  })

  it('keeps what cannot be written, says so once, and writes it when that is possible', async () => {
    faulty.fail('write', 'ENOSPC')
    let acknowledged = false
    const appended = log.append('one\n').then(() => (acknowledged = true))
    await nextTurn()
    log.write('two\n')
    for (let i = 0; i < 10; i++) clock.pass(250)
    await nextTurn()
    expect(acknowledged).to.equal(false)
    expect(told.map(([event]) => event)).to.deep.equal(['warning'])
    expect(told[0]?.[1]).to.deep.include({
      code: 'ERR_ROLLKEEPER_FULL',
      path: at('audit.log'),
    })

    faulty.heal()
    clock.pass(250)
    await appended
    expect(readLog(at('audit.log'))).to.equal('one\ntwo\n')
    expect(log.stats()).to.include({ records: 2, dropped: 0, pendingBytes: 0 })
  })

  it('does not keep the event loop busy while it waits', async () => {
    faulty.fail('write', 'EIO')
    log.write('one\n')
    await nextTurn()
    const tried = faulty.calls.length
    for (let i = 0; i < 1000; i++) log.write('more\n')
    await nextTurn()
    expect(faulty.calls.length).to.equal(tried)
    expect(clock.waiting).to.equal(1)
  })

  it('finishes a record that a failed write cut, in place', async () => {
    faulty.before('write', () => {
      fs.appendFileSync(at('audit.log'), 'one\ntw')
      faulty.fail('write', 'ENOSPC')
      throw systemError('ENOSPC')
    })
    const appended = log.append('one\n')
    void log.append('two\n')
    await nextTurn()
    expect(log.stats().records).to.equal(1)
    faulty.heal()
    clock.pass(250)
    await appended
    expect(readLog(at('audit.log'))).to.equal('one\ntwo\n')
    expect(log.stats()).to.include({ records: 2, bytes: 8 })
  })

  it('believes the file, not the error, when all had arrived', async () => {
    faulty.before('write', () => {
      fs.appendFileSync(at('audit.log'), 'one\n')
      faulty.heal('write')
      throw systemError('EIO')
    })
    const appended = log.append('one\n')
    await nextTurn()
    clock.pass(250)
    await appended
    expect(readLog(at('audit.log'))).to.equal('one\n')
  })

  it('does not write again before it could read back what had arrived', async () => {
    faulty.before('write', () => {
      fs.appendFileSync(at('audit.log'), 'one\n')
      faulty.fail('fstat', 'EIO')
      throw systemError('EIO')
    })
    const appended = log.append('one\n')
    await nextTurn()
    faulty.heal('write')
    clock.pass(250)
    await nextTurn()
    expect(readLog(at('audit.log'))).to.equal('one\n')
    faulty.heal()
    clock.pass(250)
    await appended
    expect(readLog(at('audit.log'))).to.equal('one\n')
  })

  it('writes a cut record again, whole, when the file was taken away meanwhile', async () => {
    faulty.before('write', () => {
      fs.appendFileSync(at('audit.log'), 'on')
      faulty.fail('write', 'ENOSPC')
      throw systemError('ENOSPC')
    })
    const appended = log.append('one\n')
    await nextTurn()
    fs.renameSync(at('audit.log'), at('moved'))
    faulty.heal()
    clock.pass(250)
    await appended
    expect(fs.readFileSync(at('moved'), 'utf8')).to.equal('on\n')
    expect(readLog(at('audit.log'))).to.equal('one\n')
  })

  it('answers false from 1 MiB on, and tells when to go on', async () => {
    faulty.fail('write', 'ENOSPC')
    log.write('first\n')
    await nextTurn()
    const record = `${'x'.repeat(MIB / 4 - 1)}\n`
    expect([1, 2, 3, 4].map(() => log.write(record))).to.deep.equal([true, true, true, false])
    faulty.heal()
    const drained = once(log, 'drain')
    clock.pass(250)
    await drained
    expect(log.write('goes on\n')).to.equal(true)
  })

  it('drops and counts what write hands it past 16 MiB, and writes the gap into the log', async () => {
    faulty.fail('write', 'ENOSPC')
    log.write('first\n')
    await nextTurn()
    const record = `${'x'.repeat(MIB - 1)}\n`
    for (let i = 0; i < 20; i++) log.write(record)
    log.write('small, but after the gap\n')
    expect(log.stats().dropped).to.equal(6)
    expect(log.stats().pendingBytes).to.be.at.most(16 * MIB)
    faulty.heal()
    const gap = once(log, 'gap')
    clock.pass(250)
    log.write('later\n')
    const lost = { records: 6, bytes: 5 * MIB + 25, why: 'ENOSPC' }
    expect(await gap).to.deep.equal([lost])
    await log.flush()
    const lines = readLines(at('audit.log'))
    expect(lines).to.have.length(1 + 15 + 1 + 1)
    expect(lines.at(-2)).to.match(
      /^2016-09-07T13:.*Z rollkeeper: gap records=6 bytes=5242905 why="ENOSPC"$/,
    )
    expect(lines.at(-1)).to.equal('later')
  })

  it('refuses what is no record also while it waits', async () => {
    faulty.fail('write', 'ENOSPC')
    log.write('first\n')
    await nextTurn()
    expect(() => log.write('no end')).to.throw(TypeError)
    expect(log.stats().dropped).to.equal(0)
  })

  it('lets an append wait past the bound, and keeps it', async () => {
    faulty.fail('write', 'ENOSPC')
    log.write('first\n')
    await nextTurn()
    const record = `${'x'.repeat(MIB - 1)}\n`
    const appended = Array.from({ length: 20 }, () => log.append(record))
    faulty.heal()
    clock.pass(250)
    await Promise.all(appended)
    expect(readLines(at('audit.log'))).to.have.length(21)
  })

  it('tells flushSync why, and flush waits', async () => {
    faulty.fail('write', 'EROFS')
    log.write('one\n')
    expect(() => log.flushSync())
      .to.throw(/EROFS/)
      .with.property('code', 'ERR_ROLLKEEPER_WRITE')
    const flushed = log.flush()
    faulty.heal()
    clock.pass(250)
    await flushed
    expect(readLog(at('audit.log'))).to.equal('one\n')
  })

  it('tries once more at close; what is lost is rejected, counted and told', async () => {
    faulty.fail('write', 'ENOSPC')
    const appended = log.append('one\n').catch((error: unknown) => error)
    log.write('two\n')
    await nextTurn()
    const error = await log.close().catch((caught: unknown) => caught)
    expect(error).to.have.property('code', 'ERR_ROLLKEEPER_FULL')
    expect(await appended).to.equal(error)
    expect(log.stats()).to.include({ dropped: 2, pendingBytes: 0 })
    await nextTurn()
    expect(told.at(-1)).to.deep.equal(['gap', { records: 2, bytes: 8, why: 'ENOSPC' }])
  })

  it('closes well when the last try succeeds', async () => {
    faulty.fail('write', 'ENOSPC')
    log.write('one\n')
    await nextTurn()
    faulty.heal()
    await log.close()
    expect(readLog(at('audit.log'))).to.equal('one\n')
  })

  it('opens although the disk is full, and closes a torn tail off before the first record', async () => {
    await log.close()
    fs.writeFileSync(at('audit.log'), 'torn')
    faulty.fail('write', 'ENOSPC')
    open()
    faulty.heal()
    await log.append('one\n')
    expect(readLog(at('audit.log'))).to.equal('torn\none\n')
  })

  it('waits when the file was deleted and cannot be made anew', async () => {
    await log.append('gone\n')
    fs.unlinkSync(at('audit.log'))
    faulty.fail('create', 'EACCES')
    const warned = once(log, 'warning')
    const appended = log.append('one\n')
    expect((await warned)[0]).to.have.property('code', 'ERR_ROLLKEEPER_WRITE')
    faulty.heal()
    clock.pass(250)
    await appended
    expect(readLog(at('audit.log'))).to.equal('one\n')
  })

  it('owes the drain it promised, whatever is written after', async () => {
    faulty.fail('write', 'ENOSPC')
    log.write('first\n')
    await nextTurn()
    expect(log.write(`${'x'.repeat(2 * MIB)}\n`)).to.equal(false)
    log.write('tail\n')
    const drained = once(log, 'drain')
    faulty.before('write', () => {
      if (log.stats().pendingBytes < MIB) throw systemError('ENOSPC')
    })
    clock.pass(250)
    expect(log.stats().pendingBytes).to.equal('tail\n'.length)
    expect(log.write('small\n')).to.equal(true)
    faulty.heal()
    clock.pass(250)
    await drained
  })

  it('loses no line of a stream that comes while writing is impossible', async () => {
    faulty.fail('write', 'ENOSPC')
    log.write('first\n')
    await nextTurn()
    for (let i = 0; i < 17; i++) log.write(`${'x'.repeat(MIB - 1)}\n`)
    const stream = log.writable()
    stream.end('a\nb\nc\n')
    faulty.heal()
    clock.pass(250)
    await once(stream, 'finish')
    const lines = readLines(at('audit.log')).filter(line => line.length < 10)
    expect(lines).to.deep.equal(['first', 'a', 'b', 'c'])
  })

  it('counts a long record once, however often it is tried', async () => {
    await log.close()
    open({ maxSize: 4 })
    faulty.fail('write', 'ENOSPC')
    const appended = log.append('much longer\n')
    await nextTurn()
    for (let i = 0; i < 5; i++) clock.pass(250)
    faulty.heal()
    clock.pass(250)
    await appended
    expect(log.stats().oversized).to.equal(1)
  })

  it('lets nobody be brought down by an append that nobody awaits', async () => {
    const unhandled: unknown[] = []
    const hear = (error: unknown) => unhandled.push(error)
    process.on('unhandledRejection', hear)
    try {
      faulty.fail('write', 'ENOSPC')
      void log.append('one\n')
      void log.flush()
      await log.close().catch(() => undefined)
      await nextTurn()
      expect(unhandled).to.deep.equal([])
    } finally {
      process.off('unhandledRejection', hear)
    }
  })

  it('does not count the line that tells of a gap as one more lost record', async () => {
    faulty.fail('write', 'ENOSPC')
    log.write('first\n')
    await nextTurn()
    for (let i = 0; i < 17; i++) log.write(`${'x'.repeat(MIB - 1)}\n`)
    const lost = log.stats().dropped
    faulty.before('write', () => {
      if (log.stats().pendingBytes < MIB) throw systemError('ENOSPC') // the gap line finds no room
    })
    clock.pass(250)
    const error = await log.close().catch((caught: unknown) => caught)
    expect(error).to.have.property('code', 'ERR_ROLLKEEPER_FULL')
    expect(log.stats().dropped).to.equal(lost)
    await nextTurn()
    expect(told.filter(([event]) => event === 'gap')).to.have.length(1)
  })
})
