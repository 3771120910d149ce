import { createHash } from 'node:crypto'
import { createGunzip, createGzip, gunzipSync, gzipSync } from 'node:zlib'
import { expect } from 'chai'
import fs from 'fs-extra'
import { systemDisk } from '../../lib/platform/disk.js'
import { compareGzip, gzipCopy, looksLikeGzip } from '../../lib/retention/gzip-copy.js'
import { FaultyDisk, systemError } from '../support/faulty-disk.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const PIECE_BYTES = 256 * 1024

/** Bytes that do not compress, always the same. */
const noise = (length: number): Buffer =>
  createHash('shake256', { outputLength: length }).update('noise').digest()

const lines = (length: number): Buffer => Buffer.alloc(length, 'GET /api/v1/pods 200\n')

/** The error that a promise is rejected with. */
const errorOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => expect.fail('not rejected'),
    (error: unknown) => error,
  )

describe('gzipCopy', () => {
  const at = temporaryDirectory()
  let faulty: FaultyDisk
  let abort: AbortController
  let fds: number[]
  beforeEach(() => {
    faulty = new FaultyDisk()
    abort = new AbortController()
    fds = []
  })
  afterEach(() => {
    for (const fd of fds) fs.closeSync(fd)
  })

  const copy = (content: Uint8Array, { bytes = content.length, level = 6 } = {}) => {
    fs.writeFileSync(at('source'), content)
    fs.removeSync(at('copy'))
    const from = systemDisk.openToRead(at('source'))
    const to = systemDisk.create(at('copy'), { mode: 0o600 })
    fds.push(from, to)
    return gzipCopy(faulty.disk, { from, bytes, to, level, signal: abort.signal })
  }

  it('makes a gzip file of just these bytes, of every length around that of a piece', async () => {
    for (const content of [noise, lines]) {
      for (const length of [0, 1, 1000, ...[-1, 0, 1].map(more => PIECE_BYTES + more), 3e6]) {
        const bytes = await copy(content(length))
        const made = fs.readFileSync(at('copy'))
        expect(made.length).to.equal(bytes)
        expect(gunzipSync(made).equals(content(length)), String(length)).to.equal(true)
      }
    }
  })

  it('compresses as hard as it is told', async () => {
    const content = Buffer.concat([lines(100_000), noise(10_000), lines(100_000)])
    const sizes: number[] = []
    for (const level of [1, 6, 9]) sizes.push(await copy(content, { level }))
    expect(sizes[1]).to.be.lessThan(sizes[0]!)
    expect(sizes[2]).to.be.at.most(sizes[1]!)
  })

  it('goes on where a read or a write came short', async () => {
    faulty = new FaultyDisk({
      ...systemDisk,
      readLater: (fd, bytes, position) =>
        systemDisk.readLater(fd, bytes.subarray(0, 70_001), position),
      writeLater: (fd, bytes) => systemDisk.writeLater(fd, bytes.subarray(0, 30_001)),
    })
    const content = noise(700_000)
    expect(await copy(content)).to.equal(fs.statSync(at('copy')).size)
    expect(gunzipSync(fs.readFileSync(at('copy'))).equals(content)).to.equal(true)
  })

  it('syncs on its way, every few megabytes, and in the end after all else', async () => {
    await copy(noise(20_000_000))
    expect(faulty.calls.filter(call => call === 'datasync')).to.have.length(3)
    expect(faulty.calls.at(-1)).to.equal('datasync')
    faulty.calls.length = 0
    await copy(lines(20_000_000))
    expect(faulty.calls.filter(call => call === 'datasync')).to.have.length(1)
  })

  it('reads no more than there was, and fails where there is less', async () => {
    await copy(noise(500_000), { bytes: 400_000 })
    const made = gunzipSync(fs.readFileSync(at('copy')))
    expect(made.equals(noise(400_000))).to.equal(true)
    expect(String(await errorOf(copy(noise(10), { bytes: 11 })))).to.match(/shorter/)
  })

  for (const call of ['readLater', 'writeLater', 'datasync'] as const) {
    it(`is rejected with the error of ${call}, in its midst too`, async () => {
      for (const good of [0, 1]) {
        let left = good
        faulty.before(call, () => {
          if (left-- === 0) throw systemError('EIO')
        })
        expect(await errorOf(copy(noise(20_000_000)))).to.have.property('code', 'EIO')
      }
    })
  }

  it('is rejected where the disk takes nothing, instead of trying for ever', async () => {
    faulty = new FaultyDisk({ ...systemDisk, writeLater: async () => 0 })
    expect(String(await errorOf(copy(noise(1000))))).to.match(/takes nothing/)
  })

  it('ends after the piece that is on its way when it is told to', async () => {
    for (const call of ['readLater', 'writeLater'] as const) {
      abort = new AbortController()
      let calls = 0
      faulty.before(call, () => {
        calls++
        if (calls === 3) abort.abort()
      })
      const error = await errorOf(copy(noise(20_000_000)))
      expect(error).to.equal(abort.signal.reason)
      expect(calls).to.equal(3)
      faulty.heal()
    }
  })
})

describe('gzipCopy and compareGzip', () => {
  const at = temporaryDirectory()

  for (const [what, make] of [
    ['gzipCopy', createGzip],
    ['compareGzip', createGunzip],
  ] as const) {
    it(`free what zlib holds, also when they fail (${what})`, async () => {
      const prototype = Object.getPrototypeOf(make())
      const destroy: unknown = prototype.destroy
      let freed = 0
      prototype.destroy = function (...args: unknown[]) {
        freed++
        Reflect.apply(destroy as () => void, this, args)
      }
      fs.writeFileSync(at('source'), 'text\n')
      const from = systemDisk.openToRead(at('source'))
      const signal = AbortSignal.abort()
      try {
        const done =
          what === 'gzipCopy'
            ? gzipCopy(systemDisk, { from, bytes: 5, to: from, level: 6, signal })
            : compareGzip(systemDisk, {
                archive: from,
                archiveBytes: 5,
                source: from,
                sourceBytes: 5,
                signal,
              })
        expect(await errorOf(done)).to.equal(signal.reason)
        expect(freed).to.equal(1)
      } finally {
        delete prototype.destroy
        systemDisk.close(from)
      }
    })
  }
})

describe('compareGzip', () => {
  const at = temporaryDirectory()
  const content = Buffer.concat([lines(300_000), noise(300_000)])

  const compare = async (archived: Uint8Array, plain: Uint8Array, disk = systemDisk) => {
    fs.writeFileSync(at('archive'), archived)
    fs.writeFileSync(at('source'), plain)
    const [archive, source] = [disk.openToRead(at('archive')), disk.openToRead(at('source'))]
    try {
      return await compareGzip(disk, {
        archive,
        archiveBytes: archived.length,
        source,
        sourceBytes: plain.length,
        signal: AbortSignal.timeout(20_000),
      })
    } finally {
      disk.close(archive)
      disk.close(source)
    }
  }

  it('knows a whole archive of just this source, and syncs it', async () => {
    const faulty = new FaultyDisk()
    for (const plain of [content, Buffer.alloc(0), Buffer.of(10)]) {
      faulty.calls.length = 0
      expect(await compare(gzipSync(plain), plain, faulty.disk)).to.equal('same')
      expect(faulty.calls).to.include('datasync')
    }
    const twoMembers = Buffer.concat([gzipSync('one\n'), gzipSync('two\n')])
    expect(await compare(twoMembers, Buffer.from('one\ntwo\n'))).to.equal('same')
  })

  it('knows one that is half-made, at whatever length, or damaged', async () => {
    const gzip = gzipSync(content)
    for (const length of [0, 1, 2, 10, 1000, gzip.length - 8, gzip.length - 1]) {
      expect(await compare(gzip.subarray(0, length), content)).to.equal('less')
      expect(await compare(gzip.subarray(0, length), Buffer.alloc(0))).to.equal('less')
    }
    for (const where of [0, 5000, gzip.length - 6]) {
      const damaged = Buffer.from(gzip)
      damaged[where]! ^= 0x55
      expect(await compare(damaged, content)).to.equal('less')
    }
    expect(await compare(Buffer.from('no gzip at all'), content)).to.equal('less')
  })

  it('knows one that has a beginning of the source', async () => {
    for (const length of [0, 1, 400_000, content.length - 1]) {
      expect(await compare(gzipSync(content.subarray(0, length)), content)).to.equal('less')
    }
  })

  it('knows one that has what the source does not have', async () => {
    const changed = Buffer.from(content)
    for (const where of [0, 65_535, 65_536, content.length - 1]) {
      changed[where]! ^= 1
      expect(await compare(gzipSync(changed), content), String(where)).to.equal('other')
      changed[where]! ^= 1
    }
    for (const length of [0, 1, content.length - 1]) {
      expect(await compare(gzipSync(content), content.subarray(0, length))).to.equal('other')
    }
  })

  it('is rejected where either cannot be read', async () => {
    for (const good of [0, 1]) {
      const faulty = new FaultyDisk()
      let left = good
      faulty.before('readLater', () => {
        if (left-- === 0) throw systemError('EIO')
      })
      const error = await errorOf(compare(gzipSync(content), content, faulty.disk))
      expect(error).to.have.property('code', 'EIO')
    }
  })
})

describe('looksLikeGzip', () => {
  const at = temporaryDirectory()

  it('looks at the beginning alone', () => {
    const cases: [Uint8Array, boolean][] = [
      [gzipSync(''), true],
      [gzipSync('text').subarray(0, 3), true],
      [gzipSync('text').subarray(0, 2), false],
      [Buffer.alloc(0), false],
      [Buffer.from('AUDIT: text\n'), false],
      [Buffer.of(0x1f, 0x8b, 7, 0), false],
    ]
    for (const [content, expected] of cases) {
      fs.writeFileSync(at('file.gz'), content)
      expect(looksLikeGzip(systemDisk, at('file.gz'))).to.equal(expected)
    }
  })

  it('throws what the system says, and leaves nothing open', () => {
    const open = fs.existsSync('/proc/self/fd') ? fs.readdirSync('/proc/self/fd').length : 0
    fs.mkdirSync(at('directory.gz'))
    fs.symlinkSync(at('directory.gz'), at('link.gz'))
    for (const name of ['none.gz', 'directory.gz', 'link.gz']) {
      expect(() => looksLikeGzip(systemDisk, at(name))).to.throw(/ENOENT|EISDIR|ELOOP/)
    }
    if (open > 0) expect(fs.readdirSync('/proc/self/fd')).to.have.length(open)
  })
})
