import { expect } from 'chai'
import fs from 'fs-extra'
import { FileSequence } from '../../lib/appender/file-sequence.js'
import { WriteQueue } from '../../lib/appender/write-queue.js'
import { plainBackup } from '../../lib/backup/backup.js'
import { systemDisk } from '../../lib/platform/disk.js'
import { RollkeeperError } from '../../lib/platform/rollkeeper-error.js'
import type { RotationPolicy } from '../../lib/rotation/rotation-policy.js'
import { FaultyDisk, systemError } from '../support/faulty-disk.js'
import { backupNames, expectSoundDirectory, readLines } from '../support/log-directory.js'
import { ManualClock } from '../support/manual-clock.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

describe('FileSequence', () => {
  const at = temporaryDirectory()
  let faulty: FaultyDisk
  let clock: ManualClock
  let told: string[]

  function open(rotation: RotationPolicy = () => ({}), { follow = true } = {}): FileSequence {
    return new FileSequence(
      { disk: faulty.disk, clock },
      {
        path: at('audit.log'),
        rotation,
        maxBytes: Infinity,
        follow,
        making: { file: { mode: 0o600 }, directoryMode: 0o700 },
      },
      {
        rotated: backup => told.push(`rotated ${backup.name}`),
        reopened: why => told.push(`reopened ${why}`),
        recovered: ({ tornBytes, finished }) => told.push(`recovered ${tornBytes} ${finished}`),
        due: () => told.push('due'),
        warn: error => told.push(`warned ${error.code}`),
      },
    )
  }

  function write(sequence: FileSequence, ...records: string[]): unknown {
    const queue = new WriteQueue()
    for (const record of records) queue.add(record)
    return sequence.write(queue)
  }

  beforeEach(() => {
    faulty = new FaultyDisk()
    clock = new ManualClock()
    told = []
  })

  it('warns once, while nobody writes, of a deleted file that cannot be followed', () => {
    const sequence = open()
    fs.unlinkSync(at('audit.log'))
    fs.symlinkSync(at('elsewhere'), at('audit.log'))
    sequence.follow()
    sequence.follow()
    expect(told).to.deep.equal(['warned ERR_ROLLKEEPER_PATH'])
    expect(fs.existsSync(at('elsewhere'))).to.equal(false)
  })

  describe('that does not know what a failed write has left', () => {
    /** One write arrives, or a part of it, and reports an error; nothing can be read back. */
    const failBlindly = (arrived: string): void => {
      faulty.before('write', (fd: number) => {
        fs.writeSync(fd, arrived)
        faulty.heal('write')
        throw systemError('EIO')
      })
      faulty.fail('read', 'EIO')
    }

    const queueOf = (...records: string[]): WriteQueue => {
      const queue = new WriteQueue()
      for (const record of records) queue.addPacked(record)
      return queue
    }

    it('writes, rotates and opens nothing before it knows', () => {
      const sequence = open()
      failBlindly('one\n')
      const queue = queueOf('one\n')
      expect(sequence.write(queue)).to.have.property('code', 'EIO')
      expect(sequence.write(queue)).to.have.property('code', 'EIO')
      expect(() => sequence.rotate('a test')).to.throw(RollkeeperError, /cannot be read/)
      expect(() => sequence.reopen('requested')).to.throw(RollkeeperError, /cannot be read/)
      fs.renameSync(at('audit.log'), at('elsewhere'))
      sequence.follow()
      expect(told).to.deep.equal([])
      expect(fs.readFileSync(at('elsewhere'), 'utf8')).to.equal('one\n')
    })

    it('counts a record that had arrived whole, and does not write it again', () => {
      const sequence = open(() => ({ bytes: 4 }))
      failBlindly('one\n')
      const queue = queueOf('one\n')
      sequence.write(queue)
      faulty.heal()
      expect(sequence.write(queue)).to.equal(undefined)
      expect([sequence.records, sequence.bytes, queue.length]).to.deep.equal([1, 4, 0])
      expect(sequence.rotations).to.equal(0)
      expect(readLines(at('audit.log'))).to.deep.equal(['one'])
    })

    it('counts nothing that arrived in a file that was deleted meanwhile', () => {
      const sequence = open()
      failBlindly('one\n')
      const queue = queueOf('one\n')
      sequence.write(queue)
      faulty.heal()
      fs.unlinkSync(at('audit.log'))
      expect(sequence.write(queue)).to.equal(undefined)
      expect(sequence.records).to.equal(1)
      expect(readLines(at('audit.log'))).to.deep.equal(['one'])
    })

    it('goes on in the middle of a record that had arrived in part', () => {
      const sequence = open()
      failBlindly('one\ntw')
      const queue = queueOf('one\n', 'two\n', 'three\n')
      sequence.write(queue)
      faulty.heal()
      expect(sequence.write(queue)).to.equal(undefined)
      expect([sequence.records, sequence.bytes]).to.deep.equal([3, 14])
      expect(fs.readFileSync(at('audit.log'), 'utf8')).to.equal('one\ntwo\nthree\n')
    })
  })

  it('rotates no file that ends in a piece of a record before the piece is closed off', () => {
    fs.writeFileSync(at('audit.log'), 'one\ntw')
    faulty.fail('write', 'EIO', { times: 2 })
    const sequence = open()
    expect(() => sequence.rotate('a test')).to.throw(RollkeeperError, /EIO/)
    expect(sequence.rotate('a test')).to.include({ bytes: 7 })
    const [name = ''] = backupNames(at('audit.log'))
    expect(fs.readFileSync(at(name), 'utf8')).to.equal('one\ntw\n')
  })

  it('leaves no piece in a file whose rotation could not end before its last write failed', () => {
    const sequence = open()
    write(sequence, 'one\n')
    faulty.fail('create', 'EMFILE', { times: 2 }) // also when the next write comes
    expect(() => sequence.rotate('a test')).to.throw(RollkeeperError, /EMFILE/)
    faulty.before('write', (fd: number) => {
      fs.writeSync(fd, 'tw')
      faulty.fail('write', 'ENOSPC')
      throw systemError('ENOSPC')
    })
    const queue = new WriteQueue()
    queue.addPacked('two\n')
    expect(sequence.write(queue)).to.have.property('code', 'ENOSPC')
    expect(() => sequence.rotate('a test')).to.throw(RollkeeperError, /half written/)
    faulty.heal()
    expect(sequence.write(queue)).to.equal(undefined)
    write(sequence, 'three\n')
    sequence.rotate('a test')
    expectSoundDirectory(at('audit.log'), ['.audit.log.rotating', '.audit.log.rotating.2'])
    expect(readLines(at('audit.log'))).to.deep.equal(['one', 'two', 'three'])
  })

  it('throws nothing where the system does not tell whether its file is still there', () => {
    const sequence = open()
    for (const call of ['fstat', 'lstat'] as const) {
      faulty.fail(call, 'EIO')
      expect(write(sequence, `${call}\n`), call).to.equal(undefined)
      faulty.heal()
    }
    faulty.fail('fstat', 'EIO')
    faulty.fail('lstat', 'EIO')
    expect(write(sequence, 'both\n'), 'nobody can say where it would go').to.be.an('error')
    expect(readLines(at('audit.log'))).to.deep.equal(['fstat', 'lstat'])
    expect(told).to.deep.equal(['warned ERR_ROLLKEEPER_OPEN'])
  })

  describe('whose file is deleted between the look at it and the write', () => {
    /** Deletes the active file right before the writes with these numbers. */
    const deleteBefore = (...writes: number[]): void => {
      let count = 0
      faulty.before('write', () => {
        if (writes.includes(count++)) fs.unlinkSync(at('audit.log'))
      })
    }

    it('writes the records once more, into a file that can be found, and counts them once', () => {
      const sequence = open()
      write(sequence, 'before\n')
      deleteBefore(0)
      expect(write(sequence, 'one\n', 'two\n')).to.equal(undefined)
      expect(readLines(at('audit.log'))).to.deep.equal(['one', 'two'])
      expect(told).to.deep.equal(['reopened deleted'])
      expect([sequence.records, sequence.bytes]).to.deep.equal([3, 15])
      expect(sequence.file.bytes).to.equal(8)
    })

    it('does so as often as it happens', () => {
      const sequence = open()
      deleteBefore(0, 1, 2)
      expect(write(sequence, 'one\n')).to.equal(undefined)
      expect(readLines(at('audit.log'))).to.deep.equal(['one'])
      expect(told).to.have.length(3)
    })

    it('keeps the records where there can be no other file, and says why', () => {
      const sequence = open()
      deleteBefore(0)
      faulty.fail('create', 'EACCES')
      const queue = new WriteQueue()
      queue.add('one\n')
      expect(sequence.write(queue)).to.have.property('code', 'ERR_ROLLKEEPER_OPEN')
      expect(queue.countRecords()).to.equal(1)
      faulty.heal()
      expect(sequence.write(queue)).to.equal(undefined)
      expect(readLines(at('audit.log'))).to.deep.equal(['one'])
      expect(sequence.records).to.equal(1)
    })

    it('forgets the piece of a record that was in it', () => {
      const sequence = open()
      faulty.before('write', (fd: number, bytes: Uint8Array) => {
        fs.writeSync(fd, bytes.subarray(0, 2))
        faulty.heal()
        throw systemError('ENOSPC')
      })
      const queue = new WriteQueue()
      queue.add('one\n')
      expect(sequence.write(queue)).to.have.property('code', 'ENOSPC')
      deleteBefore(0)
      expect(sequence.write(queue)).to.equal(undefined)
      expect(fs.readFileSync(at('audit.log'), 'utf8')).to.equal('one\n')
    })

    it('does not look where it is not to follow', () => {
      const sequence = open(undefined, { follow: false })
      deleteBefore(0)
      expect(write(sequence, 'one\n')).to.equal(undefined)
      expect(fs.existsSync(at('audit.log'))).to.equal(false)
    })
  })

  it('makes the system calls of a happy write and rotation, and no others', () => {
    const sequence = open(() => ({ bytes: 4 }))
    sequence.learn({ backups: [], privateNumbers: [] })
    write(sequence, '1\n')
    faulty.calls.length = 0
    write(sequence, '22\n')
    const look = ['lstat']
    const renameAway = ['lstat', 'rename', 'lstat'] // nothing left from before; renamed; it is ours
    const nameBackup = ['lstat', 'lstat', 'link'] // its size; no archive of that name; named
    const openNext = ['fstat', 'lstat', 'makeDirectory', 'create', 'fstat'] // as the old one was
    const writeIt = ['lstat', 'write', 'fstat'] // still ours; written; it was not deleted meanwhile
    expect(faulty.calls).to.deep.equal([look, renameAway, nameBackup, openNext, writeIt].flat())
  })

  it('puts a torn tail and an unfinished rotation of a crash into one report', () => {
    fs.writeFileSync(at('.audit.log.rotating'), 'one\ntw')
    fs.writeFileSync(at('audit.log'), 'thre')
    open()
    expect(told).to.deep.equal(['recovered 6 1'])
  })

  it('opens although an interrupted rotation cannot be finished, and warns', () => {
    fs.writeFileSync(at('.audit.log.rotating'), 'one\n')
    faulty.fail('link', 'EIO')
    const sequence = open()
    expect(told).to.deep.equal(['warned ERR_ROLLKEEPER_ROTATE'])
    faulty.heal()
    write(sequence, 'two\n')
    sequence.rotate('a test')
    const contents = backupNames(at('audit.log')).map(name => fs.readFileSync(at(name), 'utf8'))
    expect(contents).to.deep.equal(['one\n', 'two\n'])
  })

  it('never takes a time before the newest backup of a listing', () => {
    const sequence = open()
    for (const time of ['2020-01-01T00:00:00.000Z', '2018-01-01T00:00:00.000Z']) {
      sequence.learn({
        backups: [plainBackup(at('audit.log'), new Date(time), 0)],
        privateNumbers: [],
      })
    }
    write(sequence, '1\n')
    expect(sequence.rotate('a test')?.name).to.equal('audit-2020-01-01T00-00-00.001.log')
  })

  it('tries a refused rotation again after a second, not with each batch', () => {
    const sequence = open(() => ({ bytes: 2 }))
    faulty.fail('rename', 'EXDEV')
    for (let i = 0; i < 5; i++) write(sequence, '1\n')
    expect(faulty.calls.filter(call => call === 'rename')).to.have.length(1)
    clock.pass(1000)
    expect(told).to.deep.equal(['warned ERR_ROLLKEEPER_ROTATE', 'due'])
    write(sequence, '1\n')
    expect(faulty.calls.filter(call => call === 'rename')).to.have.length(2)
    expect(told).to.have.length(2) // the same trouble is told once
  })

  it('closes a file whose time has come before it writes', () => {
    const until = new Date(clock.now() + 1000)
    const sequence = open(({ bytes, openedAt }) =>
      openedAt.getTime() < until.getTime() || bytes > 0 ? { until } : {},
    )
    write(sequence, 'in time\n')
    clock.set(until.getTime())
    write(sequence, 'later\n')
    expect(fs.readFileSync(at('audit.log'), 'utf8')).to.equal('later\n')
    expect(backupNames(at('audit.log'))).to.have.length(1)
  })

  it('notices within a minute that the clock was set forward past the time of a file', () => {
    const sequence = open(({ openedAt }) => ({ until: new Date(openedAt.getTime() + 1e9) }))
    write(sequence, '1\n')
    clock.set(clock.now() + 2e9)
    clock.pass(60_000)
    expect(told).to.deep.equal(['due'])
    sequence.stop()
    expect(clock.waiting).to.equal(0)
  })

  describe('in a directory that takes long to read', () => {
    /** Looks at the directory until all is read, 4 pieces each. */
    const slow = (looks: number): void => {
      let pieces = looks * 4
      faulty = new FaultyDisk({
        ...systemDisk,
        scan: directory => {
          const scan = systemDisk.scan(directory)
          return { ...scan, next: () => (pieces-- > 0 ? [] : scan.next()) }
        },
      })
    }

    it('puts a rotation for size off to a later batch, without a warning, and reads on with each', () => {
      slow(3)
      fs.writeFileSync(at('audit-2020-01-01T00-00-00.000.log'), 'future\n')
      const sequence = open(() => ({ bytes: 4 }))
      for (const record of ['1111\n', '2\n', '3\n', '4\n']) write(sequence, record)
      expect(told).to.deep.equal([])
      expect(fs.readFileSync(at('audit.log'), 'utf8')).to.equal('1111\n2\n3\n4\n')
      write(sequence, '5\n')
      expect(told).to.deep.equal(['rotated audit-2020-01-01T00-00-00.001.log'])
      expect(fs.readFileSync(at('audit.log'), 'utf8')).to.equal('5\n')
      expect(sequence).to.include({ records: 5, rotations: 1 })
    })

    it('rotates with the batch after a listing has told all', () => {
      slow(Infinity)
      const sequence = open(() => ({ bytes: 4 }))
      for (const record of ['1111\n', '2\n']) write(sequence, record)
      expect(told).to.deep.equal([])
      sequence.learn({ backups: [], privateNumbers: [] })
      expect(told).to.deep.equal(['due'])
      write(sequence, '3\n')
      expect(told).to.have.length(2)
      expect(fs.readFileSync(at('audit.log'), 'utf8')).to.equal('3\n')
      sequence.learn({ backups: [], privateNumbers: [] })
      expect(told).to.have.length(2)
    })

    it('puts a rotation for time off likewise, and closes the file when a listing has told all', () => {
      slow(Infinity)
      const until = new Date(clock.now() + 1000)
      const sequence = open(({ bytes, openedAt }) =>
        openedAt.getTime() < until.getTime() || bytes > 0 ? { until } : {},
      )
      write(sequence, 'in time\n')
      clock.set(until.getTime())
      sequence.closeIfDue()
      expect(told).to.deep.equal([])
      sequence.learn({ backups: [], privateNumbers: [] })
      sequence.closeIfDue()
      expect(told.map(what => what.split(' ')[0])).to.deep.equal(['due', 'rotated'])
    })

    it('reads no directory where it can rotate no more', () => {
      slow(Infinity)
      const sequence = open(() => ({ bytes: 4 }))
      sequence.learn({ backups: [], privateNumbers: [] })
      write(sequence, '1111\n')
      write(sequence, '2\n')
      expect(faulty.calls).not.to.include('scan')
    })

    it('finishes an interrupted rotation when a listing has told all, and tells of it', () => {
      slow(Infinity)
      fs.writeFileSync(at('.audit.log.rotating'), 'one\ntw')
      const sequence = open()
      expect(told).to.deep.equal([])
      write(sequence, 'three\n')
      expect(backupNames(at('audit.log'))).to.deep.equal([])
      sequence.learn({ backups: [], privateNumbers: [] })
      expect(told).to.deep.equal(['recovered 2 1', 'due'])
      expect(readLines(at('audit.log'))).to.deep.equal(['one', 'tw', 'three'])
      expectSoundDirectory(at('audit.log'))
    })

    it('finishes it before the next rotation, where that comes first, and tells of it too', () => {
      slow(1)
      fs.writeFileSync(at('.audit.log.rotating'), 'one\n')
      const sequence = open(() => ({ bytes: 4 }))
      expect(told).to.deep.equal([])
      write(sequence, '2222\n')
      write(sequence, '3\n')
      expect(told[0]).to.equal('recovered 0 1')
      expect(told[1]).to.match(/^rotated /)
      expect(readLines(at('audit.log'))).to.deep.equal(['one', '2222', '3'])
      sequence.learn({ backups: [], privateNumbers: [] })
      expect(told).to.have.length(2)
    })

    it('warns once where it cannot be finished then, and leaves it to the next rotation', () => {
      slow(Infinity)
      fs.writeFileSync(at('.audit.log.rotating'), 'one\n')
      const sequence = open()
      faulty.fail('link', 'EIO')
      sequence.learn({ backups: [], privateNumbers: [] })
      sequence.learn({ backups: [], privateNumbers: [] })
      expect(told).to.deep.equal(['warned ERR_ROLLKEEPER_ROTATE', 'due'])
      faulty.heal()
      write(sequence, 'two\n')
      sequence.rotate('a test')
      expect(readLines(at('audit.log'))).to.deep.equal(['one', 'two'])
      expect(backupNames(at('audit.log'))).to.have.length(2)
    })

    it('reads all of it at once for a caller of rotate, who could have waited', () => {
      slow(5)
      const sequence = open()
      write(sequence, 'one\n')
      expect(sequence.rotator.isReady()).to.equal(false)
      sequence.rotate('a test')
      expect(told).to.have.length(1)
      expect(sequence.rotator.isReady()).to.equal(true)
    })

    it('warns and waits a second where it cannot be read, and begins anew', () => {
      faulty.fail('scan', 'EMFILE', { times: 1 })
      const sequence = open(() => ({ bytes: 2 }))
      for (let i = 0; i < 3; i++) write(sequence, '1\n')
      expect(told).to.deep.equal(['warned ERR_ROLLKEEPER_ROTATE'])
      clock.pass(1000)
      write(sequence, '1\n')
      expect(told.map(what => what.split(' ')[0])).to.deep.equal(['warned', 'due', 'rotated'])
    })

    it('refuses a rotation that is asked for where it cannot be read', () => {
      const sequence = open()
      write(sequence, '1\n')
      faulty.fail('scan', 'EMFILE')
      expect(() => sequence.rotate('a test'))
        .to.throw(/EMFILE/)
        .with.property('code', 'ERR_ROLLKEEPER_ROTATE')
    })

    it('leaves the directory when it is stopped', () => {
      let closed = 0
      faulty = new FaultyDisk({
        ...systemDisk,
        scan: () => ({ next: () => [], close: () => void closed++ }),
      })
      const sequence = open()
      expect(sequence.rotator.isReady()).to.equal(false)
      sequence.stop()
      expect(closed).to.equal(1)
    })
  })

  describe('whose clock was set back', () => {
    const everySecond: RotationPolicy = ({ openedAt }) => ({ until: new Date(+openedAt + 1000) })

    it('closes its file by the time that the clock shows now, not in years', () => {
      const right = clock.now()
      clock.set(new Date(right + 365 * 86_400_000).toISOString())
      const sequence = open(everySecond)
      write(sequence, '1\n')
      clock.set(new Date(right).toISOString())
      write(sequence, '2\n')
      expect(sequence.rotations).to.equal(0)
      clock.pass(1000)
      write(sequence, '3\n')
      expect(sequence.rotations).to.equal(1)
    })

    it('takes a file that was made in the future for one that is opened now', () => {
      fs.writeFileSync(at('audit.log'), '1\n')
      clock.set('2000-01-01T00:00:00.000Z') // long before the birth of the file
      const sequence = open(everySecond)
      write(sequence, '2\n')
      expect(sequence.rotations).to.equal(0)
      clock.pass(1000)
      write(sequence, '3\n')
      expect(sequence.rotations).to.equal(1)
    })
  })

  it('counts what it wrote', () => {
    const sequence = open(() => ({ bytes: 4 }))
    write(sequence, '1\n', 'longer than four\n', '2\n')
    expect(sequence).to.include({ records: 3, bytes: 21, rotations: 2, oversized: 1 })
  })
})
