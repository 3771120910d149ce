import { expect } from 'chai'
import fs from 'fs-extra'
import { FileSequence } from '../../lib/appender/file-sequence.js'
import { WriteQueue } from '../../lib/appender/write-queue.js'
import type { RotationPolicy } from '../../lib/rotation/rotation-policy.js'
import { FaultyDisk } from '../support/faulty-disk.js'
import { backupNames } from '../support/log-directory.js'
import { ManualClock } from '../support/manual-clock.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

describe('FileSequence', () => {
  const at = temporaryDirectory()
  let faulty: FaultyDisk
  let clock: ManualClock
  let told: string[]

  function open(rotation: RotationPolicy = () => ({})): FileSequence {
    return new FileSequence(
      { disk: faulty.disk, clock },
      {
        path: at('audit.log'),
        rotation,
        follow: true,
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

  it('makes the system calls of a happy write and rotation, and no others', () => {
    const sequence = open(() => ({ bytes: 4 }))
    sequence.learnNewest(undefined)
    write(sequence, '1\n')
    faulty.calls.length = 0
    write(sequence, '22\n')
    const look = ['lstat']
    const renameAway = ['lstat', 'rename', 'lstat'] // nothing left from before; renamed; it is ours
    const nameBackup = ['lstat', 'lstat', 'link'] // its size; no archive of that name; named
    const openNext = ['fstat', 'lstat', 'makeDirectory', 'create', 'fstat'] // as the old one was
    const writeIt = ['lstat', 'write']
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
    sequence.learnNewest(Date.parse('2020-01-01T00:00:00.000Z'))
    sequence.learnNewest(Date.parse('2018-01-01T00:00:00.000Z'))
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

  it('counts what it wrote', () => {
    const sequence = open(() => ({ bytes: 4 }))
    write(sequence, '1\n', 'longer than four\n', '2\n')
    expect(sequence).to.include({ records: 3, bytes: 21, rotations: 2, oversized: 1 })
  })
})
