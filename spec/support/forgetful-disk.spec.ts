import { join } from 'node:path'
import { expect } from 'chai'
import * as fc from 'fast-check'
import fs from 'fs-extra'
import { systemDisk, type Disk, type FileStatus } from '../../lib/platform/disk.js'
import { systemCode } from '../../lib/platform/rollkeeper-error.js'
import { ForgetfulDisk } from './forgetful-disk.js'
import { temporaryDirectory } from './temporary-directory.js'

const NAMES = ['a', 'b', 'c', 'd', 'sub', 'sub/a', 'sub/b', 'a/x', 'none/x', 'sub/deep/er', 'link']

/** A call with paths, or with the descriptor that was opened at a place in the sequence. */
type Call =
  | { call: 'create' | 'openLock'; path: string; mode: number }
  | { call: PathCall; path: string }
  | { call: 'rename' | 'link'; from: string; to: string }
  | { call: 'makeDirectory'; path: string; mode: number }
  | { call: 'write' | 'writeLater'; fd: number; text: string }
  | { call: 'read' | 'readLater'; fd: number; position: number; length: number }
  | { call: DescriptorCall; fd: number }

const PATH_CALLS = [
  'openExisting',
  'openToRead',
  'lstat',
  'stat',
  'unlink',
  'remove',
  'removeDirectory',
  'scan',
  'entries',
  'syncDirectory',
  'syncDirectoryNow',
] as const
type PathCall = (typeof PATH_CALLS)[number]

const DESCRIPTOR_CALLS = ['fstat', 'datasync', 'datasyncNow', 'truncate', 'lock', 'close'] as const
type DescriptorCall = (typeof DESCRIPTOR_CALLS)[number]

const path = fc.constantFrom(...NAMES)
const fd = fc.nat(5)
const mode = fc.constantFrom(0o600, 0o640, 0o400)

const anyCall: fc.Arbitrary<Call> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ call: fc.constantFrom('create', 'create', 'openLock'), path, mode }),
  },
  { weight: 6, arbitrary: fc.record({ call: fc.constantFrom(...PATH_CALLS), path }) },
  {
    weight: 5,
    // Within one directory: others are not modelled, and rollkeeper does not need them.
    arbitrary: fc
      .record({ call: fc.constantFrom('rename', 'link'), from: path, to: path })
      .filter(({ from, to }) => from.includes('/') === to.includes('/'))
      .filter(({ from, to }) => !from.includes('/') || from.split('/')[0] === to.split('/')[0])
      .filter(({ from, to }) => from.split('/').length === to.split('/').length),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      call: fc.constant('makeDirectory' as const),
      path: fc.constantFrom('sub', 'sub/deep', 'a', 'a/x', 'new/deep/er'),
      mode: fc.constantFrom(0o700, 0o755),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      call: fc.constantFrom('write', 'writeLater'),
      fd,
      text: fc.string({ maxLength: 2000 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      call: fc.constantFrom('read', 'readLater'),
      fd,
      position: fc.nat(3000),
      length: fc.nat(1000),
    }),
  },
  { weight: 4, arbitrary: fc.record({ call: fc.constantFrom(...DESCRIPTOR_CALLS), fd }) },
)

/** A disk below a directory, and what was opened on it, in its order. */
class Actor {
  readonly #disk: Disk
  readonly #root: string
  readonly #open: number[] = []
  /** Inodes in the order in which they were met: their numbers say nothing. */
  readonly #inodes: (number | bigint)[] = []

  constructor(disk: Disk, root: string) {
    this.#disk = disk
    this.#root = root
  }

  /** Makes a call; what it answers, or the code of its error, in terms that disks can share. */
  async act(it: Call): Promise<unknown> {
    try {
      return await this.#act(it)
    } catch (error) {
      const code = systemCode(error)
      if (code === undefined) throw error
      return code
    }
  }

  /** All that is there: names, files by their identity, content, modes. */
  async look(): Promise<unknown> {
    const all: Record<string, unknown> = {}
    for (const name of ['', ...NAMES, 'new', 'new/deep', 'new/deep/er', 'sub/deep']) {
      all[name] = await this.act({ call: 'lstat', path: name })
      const status = all[name] === 'ENOTDIR' ? undefined : this.#disk.lstat(this.#at(name))
      if (!status?.isFile()) continue
      const opened = this.#disk.openToRead(this.#at(name))
      const bytes = Buffer.alloc(status.size)
      expect(this.#disk.read(opened, bytes, 0)).to.equal(status.size)
      this.#disk.close(opened)
      all[`${name} holds`] = bytes.toString('latin1')
    }
    return all
  }

  end(): void {
    for (const one of this.#open) {
      try {
        this.#disk.close(one)
      } catch {
        // closed already
      }
    }
  }

  async #act(it: Call): Promise<unknown> {
    const disk = this.#disk
    switch (it.call) {
      case 'create':
      case 'openLock':
        return this.#opened(disk[it.call](this.#at(it.path), { mode: it.mode }))
      case 'openExisting':
      case 'openToRead':
        return this.#opened(disk[it.call](this.#at(it.path)))
      case 'lstat':
      case 'stat': {
        const status = disk[it.call](this.#at(it.path))
        return status && this.#told(status)
      }
      case 'unlink':
      case 'remove':
      case 'removeDirectory':
      case 'syncDirectory':
      case 'syncDirectoryNow':
        return disk[it.call](this.#at(it.path))
      case 'scan': {
        const scan = disk.scan(this.#at(it.path))
        const names: string[] = []
        for (let some = scan.next(); some; some = scan.next()) names.push(...some)
        return names.sort()
      }
      case 'entries': {
        const names: string[] = []
        for await (const some of disk.entries(this.#at(it.path))) {
          names.push(...some.map(({ name, regular }) => `${name} ${regular}`))
        }
        return names.sort()
      }
      case 'rename':
      case 'link':
        return disk[it.call](this.#at(it.from), this.#at(it.to))
      case 'makeDirectory': {
        const made = disk.makeDirectory(this.#at(it.path), it.mode)
        return made.map(directory => directory.slice(this.#root.length))
      }
      case 'write': {
        const bytes = Buffer.from(it.text)
        return disk.write(this.#fd(it.fd), bytes, Math.min(1, bytes.length), bytes.length >> 1)
      }
      case 'writeLater':
        return disk.writeLater(this.#fd(it.fd), Buffer.from(it.text))
      case 'read':
      case 'readLater': {
        const bytes = Buffer.alloc(it.length)
        const came = await disk[it.call](this.#fd(it.fd), bytes, it.position)
        return bytes.toString('latin1', 0, came)
      }
      case 'fstat':
        return this.#told(disk.fstat(this.#fd(it.fd)))
      case 'lock':
        return disk.lock(this.#fd(it.fd))
      case 'datasync':
      case 'datasyncNow':
      case 'truncate':
      case 'close':
      default:
        return disk[it.call](this.#fd(it.fd))
    }
  }

  #at(name: string): string {
    return name === '' ? this.#root : join(this.#root, name)
  }

  #opened(opened: number): string {
    this.#open.push(opened)
    return 'opened'
  }

  #fd(place: number): number {
    return this.#open[place] ?? 9999
  }

  #told(status: FileStatus): unknown {
    const { ino, nlink, size, mode: bits, uid, gid } = status
    if (!this.#inodes.includes(ino)) this.#inodes.push(ino)
    const kind = bits & 0o170000
    if (!status.isFile()) return { kind } // what a directory counts as its size, file systems differ
    return { kind, nlink, size, bits, uid, gid }
  }
}

describe('ForgetfulDisk', function () {
  this.timeout(60_000)
  const at = temporaryDirectory()

  it('does what the machine does, in results and errors, whatever is asked of it', async () => {
    let run = 0
    await fc.assert(
      fc.asyncProperty(fc.array(anyCall, { maxLength: 60 }), async calls => {
        const root = at(`run-${run++}`)
        fs.mkdirSync(root)
        fs.symlinkSync('nowhere', join(root, 'link'))
        const forgetful = new ForgetfulDisk()
        forgetful.makeDirectory('/log', 0o755)
        forgetful.plantLink('/log/link')
        const one = new Actor(systemDisk, root)
        const other = new Actor(forgetful, '/log')
        for (const [index, call] of calls.entries()) {
          const expected = await one.act(call)
          expect(await other.act(call), `${index}: ${JSON.stringify(call)}`).to.deep.equal(expected)
        }
        expect(await other.look()).to.deep.equal(await one.look())
        one.end()
        other.end()
        expect(forgetful.openCount).to.equal(0)
      }),
      { numRuns: 300 },
    )
  })
})
