import { expect } from 'chai'
import fs from 'fs-extra'
import { OpenFile } from '../../lib/appender/open-file.js'
import { systemClock } from '../../lib/platform/clock.js'
import { systemDisk } from '../../lib/platform/disk.js'
import { RollkeeperError } from '../../lib/platform/rollkeeper-error.js'
import { FaultyDisk, systemError } from '../support/faulty-disk.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const MAKING = { file: { mode: 0o600 }, directoryMode: 0o700 }

describe('OpenFile', () => {
  const at = temporaryDirectory()
  let faulty: FaultyDisk
  let file: OpenFile | undefined

  function open(path = at('audit.log')): OpenFile {
    file = OpenFile.open({ disk: faulty.disk, clock: systemClock }, path, MAKING)
    return file
  }

  beforeEach(() => {
    faulty = new FaultyDisk()
  })

  afterEach(() => {
    faulty.heal()
    file?.close()
    file = undefined
  })

  it('names the directories whose entries it changed', () => {
    expect(open(at('a', 'b', 'audit.log')).changedDirectories).to.deep.equal([
      at('a', 'b'),
      at(),
      at('a'),
    ])
  })

  it('has changed no directory where the file was there', () => {
    fs.writeFileSync(at('audit.log'), '')
    expect(open().changedDirectories).to.deep.equal([])
  })

  it('opens the file that somebody makes in the same moment', () => {
    faulty.before('create', () => fs.writeFileSync(at('audit.log'), 'theirs\n'))
    expect(open().bytes).to.equal(7)
  })

  it('does not follow a link that somebody plants in the same moment', () => {
    faulty.before('create', () => {
      if (!fs.existsSync(at('audit.log'))) fs.symlinkSync(at('target'), at('audit.log'))
    })
    expect(() => open())
      .to.throw(RollkeeperError)
      .with.property('code', 'ERR_ROLLKEEPER_PATH')
    expect(fs.existsSync(at('target'))).to.equal(false)
  })

  it('leaves neither file nor directory when it fails after making them', () => {
    faulty.fail('fstat', 'EIO')
    expect(() => open(at('a', 'b', 'audit.log'))).to.throw(RollkeeperError, /EIO/)
    expect(fs.readdirSync(at())).to.deep.equal([])
  })

  it('leaves a file that was there when it fails', () => {
    fs.writeFileSync(at('audit.log'), 'kept\n')
    faulty.fail('fstat', 'EIO')
    expect(() => open()).to.throw(RollkeeperError, /EIO/)
    expect(fs.readFileSync(at('audit.log'), 'utf8')).to.equal('kept\n')
  })

  it('has the birth time of a file that was there', () => {
    fs.writeFileSync(at('audit.log'), '')
    const { birthtimeMs } = fs.statSync(at('audit.log'))
    // A clock that shows whole milliseconds may be behind the part of one in which it was born.
    expect(open().openedAtMs).to.be.within(Math.floor(birthtimeMs), birthtimeMs)
  })

  describe('append', () => {
    it('tells how much arrived when the disk fills in the middle', () => {
      const opened = open()
      faulty.before('write', () => {
        fs.appendFileSync(at('audit.log'), 'on')
        throw systemError('ENOSPC')
      })
      const { bytes, error } = opened.append(Buffer.from('one\n'))
      expect(bytes).to.equal(2)
      expect(error).to.have.property('code', 'ENOSPC')
      expect(opened.bytes).to.equal(2)
    })

    it('reads on where it gets less of what arrived than it asked for', () => {
      faulty = new FaultyDisk({
        ...systemDisk,
        read: (fd, bytes, position) => systemDisk.read(fd, bytes.subarray(0, 2), position),
      })
      const opened = open()
      faulty.before('write', (fd: number) => {
        fs.writeSync(fd, 'one\ntw')
        throw systemError('EIO')
      })
      expect(opened.append(Buffer.from('one\ntwo\n')).bytes).to.equal(6)
    })

    it('does not take the bytes of somebody else for its own', () => {
      const opened = open()
      faulty.before('write', () => {
        fs.appendFileSync(at('audit.log'), 'theirs\n')
        throw systemError('EIO')
      })
      expect(opened.append(Buffer.from('one\n')).bytes).to.equal(0)
    })

    it('reports a write that takes nothing instead of trying for ever', () => {
      faulty = new FaultyDisk({ ...systemDisk, write: () => 0 })
      const { bytes, error } = open().append(Buffer.from('one\n'))
      expect(bytes).to.equal(0)
      expect(error).to.be.instanceOf(Error)
    })
  })

  describe('countArrived', () => {
    it('tells later what could not be read back at once', () => {
      const opened = open()
      faulty.before('write', (fd: number) => {
        fs.writeSync(fd, 'one\ntw')
        throw systemError('EIO')
      })
      faulty.fail('read', 'EIO')
      const records = Buffer.from('one\ntwo\n')
      expect(opened.append(records)).to.include({ bytes: 0 })
      expect(opened.isUnsure).to.equal(true)
      expect(() => opened.countArrived(records)).to.throw('EIO')
      expect(opened.isUnsure).to.equal(true)
      faulty.heal()
      expect(opened.countArrived(records)).to.equal(6)
      expect([opened.isUnsure, opened.bytes]).to.deep.equal([false, 6])
    })
  })

  describe('look', () => {
    it('learns the size that somebody else has changed', () => {
      const opened = open()
      fs.appendFileSync(at('audit.log'), '12345\n')
      expect(opened.look()).to.equal('ours')
      expect(opened.bytes).to.equal(6)
    })

    it('tells renamed, replaced and deleted apart', () => {
      const opened = open()
      fs.renameSync(at('audit.log'), at('moved'))
      expect(opened.look()).to.equal('renamed')
      fs.writeFileSync(at('audit.log'), '')
      expect(opened.look()).to.equal('replaced')
      expect(opened.lives()).to.equal(true)
      fs.unlinkSync(at('audit.log'))
      fs.unlinkSync(at('moved'))
      expect(opened.look()).to.equal('deleted')
      expect(opened.lives()).to.equal(false)
    })
  })

  describe('abandonPiece', () => {
    it('closes off a piece of a record, and nothing where the file ends well', () => {
      const opened = open()
      opened.abandonPiece()
      fs.appendFileSync(at('audit.log'), 'whole\npie')
      opened.abandonPiece()
      expect(fs.readFileSync(at('audit.log'), 'utf8')).to.equal('whole\npie')
      opened.pieceBytes = 3
      opened.abandonPiece()
      expect(opened.pieceBytes).to.equal(0)
      expect(fs.readFileSync(at('audit.log'), 'utf8')).to.equal('whole\npie\n')
    })
  })
})
