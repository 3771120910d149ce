import { expect } from 'chai'
import fs from 'fs-extra'
import { closeTornTail, tornBytes } from '../../lib/backup/torn-tail.js'
import { systemDisk, type Disk } from '../../lib/platform/disk.js'
import { FaultyDisk } from '../support/faulty-disk.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

/** More than is read at once, a little less, and its multiples. */
const LENGTHS = [1, 2, 65_535, 65_536, 65_537, 131_072, 200_000]

describe('tornBytes', () => {
  const at = temporaryDirectory()
  const countIn = (content: string | Uint8Array, disk: Disk = systemDisk): number => {
    fs.writeFileSync(at('audit.log'), content)
    const fd = systemDisk.openExisting(at('audit.log'))
    try {
      return tornBytes(disk, fd, systemDisk.fstat(fd).size)
    } finally {
      systemDisk.close(fd)
    }
  }

  it('is 0 for a file that ends at a line end, and for an empty one', () => {
    for (const content of ['', '\n', 'one\n', 'one\ntwo\n', `${'x'.repeat(200_000)}\n`]) {
      expect(countIn(content)).to.equal(0)
    }
  })

  it('counts the bytes behind the last line end, however many they are', () => {
    for (const length of LENGTHS) {
      expect(countIn(`one\n${'x'.repeat(length)}`)).to.equal(length)
      expect(countIn(`${'x'.repeat(300)}\n\n${'y'.repeat(length)}`)).to.equal(length)
    }
  })

  it('counts a whole file without a line end', () => {
    for (const length of LENGTHS) expect(countIn('x'.repeat(length))).to.equal(length)
  })

  it('counts zeros that power loss left, and bytes of a cut character', () => {
    expect(countIn(Buffer.concat([Buffer.from('one\n'), Buffer.alloc(70_000)]))).to.equal(70_000)
    expect(countIn(Buffer.from('one\nü').subarray(0, 5))).to.equal(1)
  })

  it('reads no more than one byte of a file that ends as it should', () => {
    const lengths: number[] = []
    countIn(`${'x'.repeat(1e6)}\n`, {
      ...systemDisk,
      read(fd, bytes, position) {
        lengths.push(bytes.length)
        return systemDisk.read(fd, bytes, position)
      },
    })
    expect(lengths).to.deep.equal([1])
  })

  it('says so when the file cannot be read', () => {
    const faulty = new FaultyDisk()
    faulty.fail('read', 'EIO')
    expect(() => countIn('one\n', faulty.disk)).to.throw('EIO')
  })
})

describe('closeTornTail', () => {
  const at = temporaryDirectory()
  const close = (content: string, disk: Disk = systemDisk): number => {
    fs.writeFileSync(at('audit.log'), content)
    const fd = systemDisk.openExisting(at('audit.log'))
    try {
      return closeTornTail(disk, fd, systemDisk.fstat(fd).size)
    } finally {
      systemDisk.close(fd)
    }
  }

  it('adds one line end, keeps the torn bytes, and says how many they are', () => {
    for (const length of LENGTHS) {
      const torn = 'x'.repeat(length)
      expect(close(`one\n${torn}`)).to.equal(length)
      expect(fs.readFileSync(at('audit.log'), 'utf8')).to.equal(`one\n${torn}\n`)
    }
  })

  it('writes nothing where there is nothing to close', () => {
    for (const content of ['', 'one\n', '\n\n']) {
      const faulty = new FaultyDisk()
      expect(close(content, faulty.disk)).to.equal(0)
      expect(faulty.calls).not.to.include('write')
      expect(fs.readFileSync(at('audit.log'), 'utf8')).to.equal(content)
    }
  })

  it('says so when the tail cannot be closed', () => {
    const faulty = new FaultyDisk()
    faulty.fail('write', 'ENOSPC')
    expect(() => close('torn', faulty.disk)).to.throw('ENOSPC')
  })
})
