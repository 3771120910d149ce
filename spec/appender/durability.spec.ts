import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { dirname } from 'node:path'
import { expect } from 'chai'
import fs from 'fs-extra'
import { FileAppender } from '../../lib/appender/file-appender.js'
import type { FileAppenderOptions } from '../../lib/appender/options.js'
import { systemDisk, type Disk } from '../../lib/platform/disk.js'
import { RollkeeperError } from '../../lib/platform/rollkeeper-error.js'
import { systemError } from '../support/faulty-disk.js'
import { backupNames, expectSoundDirectory, readLines } from '../support/log-directory.js'
import { ManualClock } from '../support/manual-clock.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

/**
 * Writes down what durability is made of, in its order: `create 1`, `sync 1`, `synced 1`, `close 1`,
 * `failed 1`, with the files numbered as they are opened; for the directory, `sync /`.
 */
class Diary {
  readonly lines: string[] = []
  readonly disk: Disk
  readonly #numbers = new Map<number, number>()
  readonly #faults = new Set<string>()
  readonly #held = new Map<string, () => void>()
  readonly #syncing = new Set<number>()
  #count = 0

  constructor() {
    const disk = systemDisk
    this.disk = {
      ...disk,
      create: (path, permissions) => this.#number('create', disk.create(path, permissions)),
      openExisting: path => this.#number('open', disk.openExisting(path)),
      unlink: path => {
        disk.unlink(path)
        if (!path.endsWith('.lock')) this.lines.push('unlink')
      },
      close: fd => {
        expect(this.#syncing.has(fd), 'closed while a sync of it is under way').to.equal(false)
        const number = this.#numbers.get(fd)
        if (number !== undefined) this.lines.push(`close ${number}`) // else it is not of a log
        this.#numbers.delete(fd)
        disk.close(fd)
      },
      datasync: async fd => {
        this.#syncing.add(fd)
        try {
          await this.#sync(String(this.#numbers.get(fd)), () => disk.datasync(fd))
        } finally {
          this.#syncing.delete(fd)
        }
      },
      syncDirectory: path => this.#sync('/', () => disk.syncDirectory(path)),
    }
  }

  /** Lets the next sync of a file, or of the directory, fail. */
  fail(what: string): void {
    this.#faults.add(what)
  }

  /** Lets the next sync of a file, or of the directory, take until `end`. */
  hold(what: string): void {
    this.#held.set(what, () => undefined)
  }

  /** Ends the sync that was held. */
  async end(what: string): Promise<void> {
    this.#held.get(what)?.()
    await new Promise(resolve => setTimeout(resolve, 5))
  }

  /** How often a line was written down. */
  count(line: string): number {
    return this.lines.filter(one => one === line).length
  }

  /** What was written down since, and forgets it. */
  take(): string[] {
    return this.lines.splice(0)
  }

  #number(what: string, fd: number): number {
    this.#numbers.set(fd, ++this.#count)
    this.lines.push(`${what} ${this.#count}`)
    return fd
  }

  async #sync(what: string, work: () => Promise<void>): Promise<void> {
    this.lines.push(`sync ${what}`)
    if (this.#held.has(what)) await new Promise<void>(resolve => this.#held.set(what, resolve))
    this.#held.delete(what)
    if (this.#faults.delete(what)) {
      this.lines.push(`failed ${what}`)
      throw systemError('EIO')
    }
    await work()
    this.lines.push(`synced ${what}`)
  }
}

const turn = () => new Promise(setImmediate)

/** The lines of a diary, some of them together. */
const listed = (...lines: string[]) => lines.flatMap(line => line.split(', '))

describe('durability', () => {
  const at = temporaryDirectory()
  let diary: Diary
  let clock: ManualClock
  let log: FileAppender
  let errors: RollkeeperError[]

  function open(options: Partial<FileAppenderOptions>): void {
    log = new FileAppender({ path: at('audit.log'), ...options }, { disk: diary.disk, clock })
    log.on('error', error => errors.push(error))
  }

  /** Appends, and writes down in the diary how that ends: `kept` or `rejected`. */
  function append(record: string): Promise<void> {
    const what = record.trim() || '-'
    return log.append(record).then(
      () => void diary.lines.push(`kept ${what}`),
      ({ code }: RollkeeperError) =>
        void diary.lines.push(`${code === 'ERR_ROLLKEEPER_SYNC' ? 'rejected' : code} ${what}`),
    )
  }

  beforeEach(() => {
    diary = new Diary()
    clock = new ManualClock()
    errors = []
  })

  afterEach(async () => {
    await log.close().catch(() => undefined)
    expectSoundDirectory(at('audit.log'))
  })

  describe('sync, across a rotation', () => {
    beforeEach(async () => {
      open({ durability: 'sync', maxSize: 4 })
      await append('a1\n')
      diary.take()
    })

    it('acknowledges in the new file after the old one, the new one and the directory', async () => {
      await append('b1\n')
      expect(diary.take()).to.deep.equal(
        listed(
          'create 2',
          'sync 1, synced 1, close 1',
          'sync 2, synced 2',
          'sync /, synced /',
          'unlink',
          'kept b1',
        ),
      )
    })

    it('syncs all files of one turn in their order before it acknowledges any', async () => {
      await Promise.all(['b1\n', 'c1\n', 'd1\n'].map(append))
      const lines = diary.take().filter(line => /^(?:synced|kept)/.test(line))
      expect(lines).to.deep.equal(
        listed('synced 1, synced 2, synced 3, synced 4, synced /', 'kept b1, kept c1, kept d1'),
      )
    })

    it('rejects all who wait when the old file fails, and syncs the others all the same', async () => {
      diary.fail('1')
      await append('b1\n')
      expect(diary.take()).to.deep.equal(
        listed(
          'create 2',
          'sync 1, failed 1, close 1',
          'sync 2, synced 2',
          'sync /, synced /',
          'unlink',
          'rejected b1',
        ),
      )
      await append('c\n')
      expect(log.stats().rotations).to.equal(2) // by size; the new file has not failed
      expect(diary.count('sync 1') + diary.count('sync 2')).to.equal(1)
      expect(diary.lines.at(-1)).to.equal('kept c')
    })

    it('rejects, rotates and never syncs it again when the new file fails', async () => {
      diary.fail('2')
      await append('b1\n')
      await log.settled()
      expect(diary.take()).to.deep.equal(
        listed(
          'create 2',
          'sync 1, synced 1, close 1',
          'sync 2, failed 2',
          'create 3, close 2, rejected b1',
          'sync /, synced /, unlink, unlink',
        ),
      )
      await append('c1\n')
      expect(diary.take()).to.deep.equal(['sync 3', 'synced 3', 'kept c1'])
      expect(readLines(at('audit.log'))).to.deep.equal(['a1', 'b1', 'c1'])
    })

    it('rejects when the directory fails, and acknowledges nothing before it is synced', async () => {
      diary.fail('/')
      await append('b\n')
      expect(diary.take().slice(-3)).to.deep.equal(['sync /', 'failed /', 'rejected b'])
      expect(fs.existsSync(at('.audit.log.rotating'))).to.equal(true)
      diary.fail('/')
      await append('c\n')
      expect(diary.take().slice(-3)).to.deep.equal(['sync /', 'failed /', 'rejected c'])
      await log.rotate()
      await append('d\n')
      expect(diary.count('synced /')).to.equal(1)
      expect(errors).to.have.length(2)
      expect(log.stats().rotations).to.equal(2) // none of them for the directory
    })

    it('rotates twice while a sync is under way', async () => {
      diary.hold('1')
      const first = append('\n') // fits
      await turn()
      const rotated = log.rotate()
      const second = append('b1\n')
      const again = log.rotate()
      while (log.stats().rotations < 2) await turn()
      expect(diary.take()).to.deep.equal(['sync 1', 'create 2', 'create 3'])
      await diary.end('1')
      await Promise.all([first, rotated, second, again])
      expect(diary.take()).to.deep.equal(
        listed(
          'synced 1, sync /, synced /',
          'kept -, sync 1, synced 1, close 1',
          'sync 2, synced 2, close 2',
          'sync 3, synced 3, unlink, unlink, kept b1',
        ),
      )
      expect(backupNames(at('audit.log'))).to.have.length(2)
    })

    it('tells all who are in the file that fails, also when it was rotated meanwhile', async () => {
      diary.hold('1')
      diary.fail('1')
      const first = append('\n')
      await turn()
      const second = append('b1\n')
      await turn()
      await diary.end('1')
      await Promise.all([first, second])
      await log.settled()
      expect(diary.take()).to.deep.equal(
        listed(
          'sync 1, create 2, failed 1, close 1',
          'rejected -, rejected b1, sync /, synced /, unlink',
        ),
      )
      expect(errors).to.have.length(1)
      await append('\n')
      expect(diary.take()).to.deep.equal(['sync 2', 'synced 2', 'kept -'])
    })

    it('closes the files only when the syncs under way have returned', async () => {
      diary.hold('1')
      const first = append('\n')
      await turn()
      const second = append('b1\n')
      const closed = log.close()
      await turn()
      expect(diary.take()).to.deep.equal(['sync 1', 'create 2'])
      await diary.end('1')
      await Promise.all([first, second, closed])
      expect(diary.take().filter(line => /^(?:close|kept|synced)/.test(line))).to.deep.equal(
        listed('synced 1, synced /, kept -', 'synced 1, close 1, synced 2, kept b1', 'close 2'),
      )
    })

    it('syncs what write left when it is closed, though an earlier failure is told then', async () => {
      diary.fail('1')
      log.write('b1\n') // rotates; nobody waits for the sync of the first file
      await turn()
      await log.settled()
      await turn()
      expect(errors).to.have.length(1)
      diary.take()
      const failure = await log.close().catch((error: unknown) => error)
      expect(failure).to.have.property('code', 'ERR_ROLLKEEPER_SYNC')
      expect(diary.take()).to.deep.equal(['sync 2', 'synced 2', 'close 2'])
    })
  })

  describe('sync', () => {
    it('syncs the directory for a file that it found: its maker may not have come to it', async () => {
      fs.writeFileSync(at('audit.log'), 'before\n')
      open({ durability: 'sync' })
      await append('1\n')
      expect(diary.take()).to.deep.equal(
        listed('open 1, sync 1, synced 1, sync /, synced /, kept 1'),
      )
    })

    it('needs no directory for what comes into the same file later', async () => {
      open({ durability: 'sync' })
      await append('1\n')
      await append('2\n')
      expect(diary.take().filter(line => line.startsWith('sync '))).to.deep.equal(
        listed('sync 1, sync /, sync 1'),
      )
    })

    it('makes one sync do for all who go on appending, though they are more than a batch', async () => {
      open({ durability: 'sync' })
      const line = `${'x'.repeat(199)}\n`
      const waiter = async () => {
        for (let i = 0; i < 10; i++) await log.append(line)
      }
      await Promise.all(Array.from({ length: 1000 }, waiter))
      expect(diary.count('sync 1')).to.be.within(10, 12)
    })

    it('tells who comes in the moment of a failure, and tells nobody else', async () => {
      open({ durability: 'sync', batchBytes: 0 })
      const first = append('1\n')
      let second: Promise<void> | undefined
      const datasync = diary.disk.datasync.bind(diary.disk)
      diary.disk.datasync = () => {
        diary.disk.datasync = datasync
        const failed = Promise.reject(systemError('EIO'))
        // After the failure was seen, before the file is rotated for it.
        void failed.catch(() => Promise.resolve().then(() => (second = append('2\n'))))
        return failed
      }
      await first
      await second
      await log.settled()
      await append('3\n')
      expect(diary.lines.filter(line => /^(?:kept|rejected)/.test(line))).to.deep.equal(
        listed('rejected 1, rejected 2, kept 3'),
      )
      expect(errors).to.have.length(1)
      expect(fs.readFileSync(at('audit.log'), 'utf8')).to.equal('3\n')
    })

    it('tries the rotation again each second where it was refused after a failed sync', async () => {
      open({ durability: 'sync' })
      const rename = diary.disk.rename.bind(diary.disk)
      diary.disk.rename = () => {
        throw systemError('EBUSY')
      }
      diary.fail('1')
      await append('1\n')
      clock.pass(1000)
      diary.disk.rename = rename
      expect(backupNames(at('audit.log'))).to.deep.equal([])
      clock.pass(999)
      expect(backupNames(at('audit.log'))).to.deep.equal([])
      clock.pass(1)
      expect(backupNames(at('audit.log'))).to.have.length(1)
      await append('2\n')
      expect(diary.lines.at(-1)).to.equal('kept 2')
      expect(errors).to.have.length(1)
    })

    it('tells of a file that cannot be rotated away once for each who waits, not once more', async () => {
      open({ durability: 'sync' })
      const rename = diary.disk.rename.bind(diary.disk)
      diary.disk.rename = () => {
        throw systemError('EBUSY')
      }
      diary.fail('1')
      await append('1\n')
      await append('2\n')
      diary.disk.rename = rename
      clock.pass(1000)
      await log.settled()
      await append('3\n')
      expect(diary.lines.filter(line => /^(?:kept|rejected)/.test(line))).to.deep.equal(
        listed('rejected 1, rejected 2, kept 3'),
      )
      expect(diary.count('sync 1')).to.equal(1)
    })

    it('does not sync a file again under another descriptor after its sync failed', async () => {
      open({ durability: 'sync' })
      const rename = diary.disk.rename.bind(diary.disk)
      diary.disk.rename = () => {
        throw systemError('EBUSY')
      }
      diary.fail('1')
      await append('1\n')
      await log.reopen()
      await append('2\n')
      diary.disk.rename = rename
      expect(diary.count('sync 1') + diary.count('sync 2')).to.equal(1)
      expect(diary.lines.at(-1)).to.equal('rejected 2')
    })

    it('dates the last sync by its beginning: what came later may not be in it', async () => {
      open({ durability: 'sync' })
      diary.hold('1')
      const first = append('1\n')
      await turn()
      const began = clock.now()
      clock.pass(5000)
      await diary.end('1')
      await first
      expect(log.stats().lastSyncAt?.getTime()).to.equal(began)
    })
  })

  describe('syncInterval', () => {
    it('syncs file and directory one interval after the first write', async () => {
      open({ syncInterval: '1s' })
      await append('1\n')
      clock.pass(999)
      await log.settled()
      expect(diary.take()).to.deep.equal(['create 1', 'kept 1'])
      expect(log.stats().lastSyncAt).to.equal(undefined)
      clock.pass(1)
      await log.settled()
      expect(diary.take()).to.deep.equal(['sync 1', 'synced 1', 'sync /', 'synced /'])
      expect(log.stats().lastSyncAt?.getTime()).to.equal(clock.now())
    })

    it('has neither timer nor sync while nothing is written', async () => {
      open({ syncInterval: { seconds: 1 } })
      expect(clock.waiting).to.equal(0)
      await append('1\n')
      clock.pass(1000)
      await log.settled()
      expect(clock.waiting).to.equal(0)
      clock.pass(100_000)
      await log.settled()
      expect(diary.count('sync 1')).to.equal(1)
    })

    it('syncs nothing where sync, or a rotation, has left nothing unsynced', async () => {
      open({ syncInterval: '1s' })
      await append('1\n')
      await log.sync()
      clock.pass(1000)
      await append('2\n')
      await log.rotate()
      await log.settled()
      diary.take()
      clock.pass(1000)
      await log.settled()
      expect(diary.take()).to.deep.equal([])
    })

    it('does nothing by itself', async () => {
      open({})
      await append('1\n')
      expect(clock.waiting).to.equal(0)
    })

    it('never has more than one sync under way and one that waits', async () => {
      open({ syncInterval: '1s' })
      diary.hold('1')
      for (let i = 0; i < 50; i++) {
        await append(`${i}\n`)
        clock.pass(1000)
        await turn()
      }
      expect(diary.count('sync 1')).to.equal(1)
      await diary.end('1')
      await log.settled()
      expect(diary.count('sync 1')).to.equal(2)
      clock.pass(1000)
      await log.settled()
      expect(diary.count('sync 1')).to.equal(2)
      expect(clock.waiting).to.equal(0)
    })

    it('reports a failure, leaves the file, and goes on with the next one', async () => {
      open({ syncInterval: '1s' })
      await append('1\n')
      diary.fail('1')
      const reported = once(log, 'error')
      clock.pass(1000)
      expect((await reported)[0]).to.have.property('code', 'ERR_ROLLKEEPER_SYNC')
      expect(backupNames(at('audit.log'))).to.have.length(1)
      await append('2\n')
      clock.pass(1000)
      await log.settled()
      expect(diary.count('sync 1')).to.equal(1)
      expect(diary.count('synced 2')).to.equal(1)
      expect(readLines(at('audit.log'))).to.deep.equal(['1', '2'])
    })

    it('leaves it to the next who asks to be told', async () => {
      open({ syncInterval: '1s' })
      await append('1\n')
      diary.fail('1')
      clock.pass(1000)
      await log.settled()
      await append('2\n')
      clock.pass(1000)
      await log.settled()
      expect(diary.count('synced 2')).to.equal(1)
      const told = await log.sync().catch((error: unknown) => error)
      expect(told).to.have.property('code', 'ERR_ROLLKEEPER_SYNC')
      await log.sync()
      expect(errors).to.have.length(1)
    })

    it('is a warning where nobody listens for errors', async () => {
      open({ syncInterval: '1s' })
      log.removeAllListeners('error')
      const warned = new Promise(resolve => log.once('warning', resolve))
      await append('1\n')
      diary.fail('1')
      clock.pass(1000)
      expect(await warned).to.have.property('code', 'ERR_ROLLKEEPER_SYNC')
    })

    it('tries a directory again whose sync failed, though nothing more is written', async () => {
      open({ syncInterval: '1s' })
      await append('1\n')
      diary.fail('/')
      clock.pass(1000)
      await log.settled()
      expect(log.stats().lastSyncAt).to.equal(undefined)
      clock.pass(1000)
      await log.settled()
      expect(diary.count('synced /')).to.equal(1)
      expect(log.stats().lastSyncAt?.getTime()).to.equal(clock.now())
      expect(clock.waiting).to.equal(0)
      expect(backupNames(at('audit.log'))).to.deep.equal([])
    })

    it('reports once, not at every interval, where the file cannot be left', async () => {
      open({ syncInterval: '1h' })
      diary.disk.rename = () => {
        throw systemError('EBUSY')
      }
      await append('1\n')
      diary.fail('1')
      for (let i = 0; i < 5; i++) {
        clock.pass(3_600_000)
        await log.settled()
        await turn()
      }
      expect(errors).to.have.length(1)
      expect(diary.count('sync 1')).to.equal(1)
    })

    it('counts what a full disk took of a batch as written', async () => {
      open({ syncInterval: '1s' })
      const write = diary.disk.write.bind(diary.disk)
      diary.disk.write = (fd, bytes, offset) => {
        diary.disk.write = () => {
          throw systemError('ENOSPC')
        }
        return write(fd, bytes, offset, 2)
      }
      const begun = log.append('1\n2\n')
      await turn()
      clock.pass(1000)
      await turn()
      expect(diary.count('sync 1')).to.equal(1)
      diary.disk.write = write
      clock.pass(1000)
      await begun
    })

    it('stops when the log is closed, and syncs what is left then', async () => {
      open({ syncInterval: '1s' })
      log.write('1\n')
      await log.close()
      expect(diary.take()).to.deep.equal(
        listed('create 1, sync 1, synced 1, sync /, synced /, close 1'),
      )
      expect(clock.waiting).to.equal(0)
    })

    it('lets close say when that sync fails', async () => {
      open({ syncInterval: '1s' })
      log.write('1\n')
      diary.fail('1')
      const failure = await log.close().catch((error: unknown) => error)
      expect(failure).to.have.property('code', 'ERR_ROLLKEEPER_SYNC')
      expect(diary.lines.at(-1)).to.equal('close 1')
    })

    it('does not sync at close what is synced already', async () => {
      open({ syncInterval: '1s' })
      await append('1\n')
      clock.pass(1000)
      await log.settled()
      diary.take()
      await log.close()
      expect(diary.take()).to.deep.equal(['close 1'])
    })

    it('adds no sync to those of appends under durability sync, but covers what write takes', async () => {
      open({ durability: 'sync', syncInterval: '1s' })
      await append('1\n')
      clock.pass(1000)
      await log.settled()
      expect(diary.count('sync 1')).to.equal(1)
      log.write('2\n')
      await turn()
      clock.pass(1000)
      await log.settled()
      expect(diary.count('sync 1')).to.equal(2)
    })
  })
})

describe('durability sync in a process of its own, on a disk that fails', function () {
  this.timeout(60_000)
  const at = temporaryDirectory()
  const PROGRAM = `
    import { FileAppender } from ${JSON.stringify(new URL('../../lib/appender/file-appender.ts', import.meta.url).href)}
    const log = new FileAppender({ path: process.argv[1], durability: 'sync', maxSize: 40 })
    log.on('error', () => console.log('error'))
    for (let i = 100; i < 130; i++) {
      await log.append(i + '\\n').then(() => console.log('kept', i), e => console.log(e.code, i))
    }
    await log.close()`

  for (const when of [1, 2, 12, 25]) {
    it(`rejects by the fdatasync that fails, number ${when}, and never syncs that file again`, function () {
      const trace = at('trace')
      const isThere = spawnSync('strace', ['-f', '-o', trace, 'true']).status === 0
      if (!isThere) {
        console.log('skipped: strace is not here, or may not trace')
        this.skip()
      }
      fs.mkdirSync(at('logs'))
      const inject = ['-e', 'trace=fdatasync', '-e', `inject=fdatasync:error=EIO:when=${when}`]
      const node = [process.execPath, '--import', 'tsx', '--input-type=module', '-e', PROGRAM]
      const { stdout, stderr, status } = spawnSync(
        'strace',
        ['-f', '-y', '-o', trace, ...inject, ...node, at('logs', 'audit.log')],
        // Threads are counted each by itself.
        { encoding: 'utf8', env: { ...process.env, UV_THREADPOOL_SIZE: '1' } },
      )
      expect(status, stderr).to.equal(0)
      const said = stdout.trim().split('\n')
      const rejected = said.filter(line => line.startsWith('ERR_ROLLKEEPER_SYNC'))
      expect(rejected).to.have.length(1)
      expect(said.filter(line => line === 'error')).to.have.length(1)
      expect(said.filter(line => line.startsWith('kept'))).to.have.length(29)

      const path = at('logs', 'audit.log')
      expectSoundDirectory(path)
      expect(readLines(path)).to.deep.equal(Array.from({ length: 30 }, (_, i) => String(i + 100)))
      const number = rejected[0]?.split(' ')[1]
      const holder = [...backupNames(path), 'audit.log'].find(name =>
        fs.readFileSync(at('logs', name), 'utf8').includes(`${number}\n`),
      )
      const last = readLines(path)[Number(number) - 100]
      expect(fs.readFileSync(at('logs', holder ?? ''), 'utf8').endsWith(`${last}\n`)).to.equal(true)

      const syncs = fs.readFileSync(trace, 'utf8').split('\n')
      const failed = syncs.findIndex(line => line.includes('(INJECTED)'))
      const again = syncs.slice(failed + 1).filter(line => line.includes(`/${holder}>`))
      expect(again).to.deep.equal([])
      expect(dirname(path)).to.equal(at('logs'))
    })
  }
})
