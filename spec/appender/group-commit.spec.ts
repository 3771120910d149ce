import { once } from 'node:events'
import { expect } from 'chai'
import fs from 'fs-extra'
import { FileAppender } from '../../lib/appender/file-appender.js'
import { GroupCommit, type CommitOwner } from '../../lib/appender/group-commit.js'
import { OpenFile } from '../../lib/appender/open-file.js'
import { systemClock } from '../../lib/platform/clock.js'
import { systemDisk, type Disk } from '../../lib/platform/disk.js'
import { systemError } from '../support/faulty-disk.js'
import { backupNames, expectSoundDirectory, readLines } from '../support/log-directory.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

/** A disk whose syncs end when a test says so, and that keeps a diary of what syncs need. */
class SlowDisk {
  readonly diary: string[] = []
  readonly disk: Disk
  readonly #pending: { end: (error?: Error) => Promise<void> }[] = []
  #open = new Map<number, string>()
  #syncing = new Set<number>()

  constructor() {
    const waiting = (what: string, done: () => Promise<void>, fd?: number) => {
      this.diary.push(`sync ${what}`)
      if (fd !== undefined) this.#syncing.add(fd)
      return new Promise<void>((resolve, reject) => {
        const end = async (error?: Error) => {
          if (fd !== undefined) this.#syncing.delete(fd)
          this.diary.push(`synced ${what}`)
          if (!error) await done()
          if (error) reject(error)
          else resolve()
        }
        this.#pending.push({ end })
      })
    }
    this.disk = {
      ...systemDisk,
      create: (path, permissions) => this.#named(systemDisk.create(path, permissions)),
      openExisting: path => this.#named(systemDisk.openExisting(path)),
      close: fd => {
        expect(this.#syncing.has(fd), 'closed while a sync of it was under way').to.equal(false)
        this.#open.delete(fd)
        systemDisk.close(fd)
      },
      datasync: fd => waiting(`file ${this.#open.get(fd)}`, () => systemDisk.datasync(fd), fd),
      syncDirectory: path => waiting('directory', () => systemDisk.syncDirectory(path)),
    }
  }

  /** Descriptors that are open. */
  get open(): number {
    return this.#open.size
  }

  #named(fd: number): number {
    this.#open.set(fd, `#${this.diary.filter(line => line.startsWith('open')).length + 1}`)
    this.diary.push('open')
    return fd
  }

  /** Ends the sync that waits longest, well or with an error. */
  async end(error?: Error): Promise<void> {
    while (this.#pending.length === 0) await new Promise(setImmediate)
    await this.#pending.shift()?.end(error)
    await new Promise(setImmediate)
  }

  /** Ends all syncs, as they come, until something is done. */
  async endAllUntil(done: Promise<unknown>): Promise<void> {
    let over = false
    void done.then(
      () => (over = true),
      () => (over = true),
    )
    while (!over) {
      await this.#pending.shift()?.end()
      await new Promise(setImmediate)
    }
    await done
  }
}

describe('GroupCommit', () => {
  const at = temporaryDirectory()
  let slow: SlowDisk
  let log: FileAppender

  function open(durability: 'flush' | 'sync', maxSize?: number): void {
    slow = new SlowDisk()
    log = new FileAppender(
      { path: at('audit.log'), durability, maxSize },
      { disk: slow.disk, clock: systemClock },
    )
  }

  /** Whether a promise is settled by now, and how. */
  function watch(promise: Promise<unknown>): { state: string } {
    const watched = { state: 'waits' }
    promise.then(
      () => (watched.state = 'resolved'),
      (error: { code: string }) => (watched.state = error.code),
    )
    return watched
  }

  afterEach(() => slow.endAllUntil(log.close().catch(() => undefined)))

  it('acknowledges after the sync of the file and of its directory, not before', async () => {
    open('sync')
    const one = watch(log.append('one\n'))
    await slow.end()
    expect(one.state).to.equal('waits')
    await slow.end()
    expect(one.state).to.equal('resolved')
    expect(slow.diary).to.deep.equal([
      'open',
      'sync file #1',
      'synced file #1',
      'sync directory',
      'synced directory',
    ])
    expect(log.stats().lastSyncAt).to.be.instanceOf(Date)
  })

  it('makes one sync do for all who wait, and those who come meanwhile take the next', async () => {
    open('sync')
    const first = [1, 2, 3].map(i => watch(log.append(`${i}\n`)))
    await new Promise(setImmediate)
    const second = [4, 5, 6].map(i => watch(log.append(`${i}\n`)))
    await slow.end()
    await slow.end()
    expect(first.map(({ state }) => state)).to.deep.equal(Array(3).fill('resolved'))
    expect(second.map(({ state }) => state)).to.deep.equal(Array(3).fill('waits'))
    await slow.end()
    expect(second.map(({ state }) => state)).to.deep.equal(Array(3).fill('resolved'))
    expect(slow.diary.filter(line => line === 'sync file #1')).to.have.length(2)
  })

  it('syncs the old file first across a rotation, and acknowledges nothing before the directory', async () => {
    open('sync', 4)
    await slow.endAllUntil(log.append('1\n'))
    const from = slow.diary.length
    const both = watch(Promise.all([log.append('22\n'), log.append('3\n')]))
    await new Promise(setImmediate)
    for (let i = 0; i < 4; i++) {
      expect(both.state).to.equal('waits')
      await slow.end()
    }
    expect(both.state).to.equal('resolved')
    expect(slow.diary.slice(from).filter(line => line.startsWith('sync '))).to.deep.equal([
      'sync file #1',
      'sync file #2',
      'sync file #3',
      'sync directory',
    ])
  })

  it('closes a descriptor only after its sync has returned', async () => {
    open('sync')
    const appended = log.append('one\n')
    await new Promise(setImmediate)
    const rotated = log.rotate()
    await slow.endAllUntil(Promise.all([appended, rotated, log.settled()]))
    expect(slow.open).to.equal(1)
  })

  it('frees the private name only when the directory is synced', async () => {
    open('flush')
    await log.append('one\n')
    await log.rotate()
    await slow.end()
    expect(fs.existsSync(at('.audit.log.rotating'))).to.equal(true)
    await slow.end()
    expect(fs.existsSync(at('.audit.log.rotating'))).to.equal(false)
  })

  it('lets no write wait for the disk under flush, and keeps few files open meanwhile', async () => {
    open('flush', 4)
    for (let i = 0; i < 100; i++) await log.append(`${i}\n`)
    expect(readLines(at('audit.log'))).to.have.length(100)
    expect(slow.open).to.be.at.most(20)
    await slow.endAllUntil(log.settled())
    expect(slow.open).to.equal(1)
    expectSoundDirectory(at('audit.log'))
  })

  it('rejects those who wait when a sync fails, rotates, and never syncs that file again', async () => {
    open('sync')
    log.on('error', () => undefined)
    const reported = once(log, 'error')
    const first = watch(log.append('1\n'))
    await new Promise(setImmediate)
    const during = watch(log.append('2\n'))
    await new Promise(setImmediate)
    await slow.end(systemError('EIO'))
    expect([first.state, during.state]).to.deep.equal(Array(2).fill('ERR_ROLLKEEPER_SYNC'))
    expect((await reported)[0]).to.have.property('code', 'ERR_ROLLKEEPER_SYNC')
    expect(backupNames(at('audit.log'))).to.have.length(1)

    await slow.endAllUntil(log.append('3\n'))
    expect(slow.diary.filter(line => line === 'sync file #1')).to.have.length(1)
    expect(fs.readFileSync(at('audit.log'), 'utf8')).to.equal('3\n')
  })

  it('shares a round among all who ask for it behind, and lets each know of its end', async () => {
    open('flush')
    const { disk } = slow
    const platform = { disk, clock: systemClock }
    const making = { file: { mode: 0o600 }, directoryMode: 0o700 }
    const file = OpenFile.open(platform, at('other.log'), making)
    const failures: unknown[] = []
    const owner: CommitOwner = {
      activeFile: () => file,
      namesSynced: () => undefined,
      syncFailed: error => failures.push(error),
    }
    const commit = new GroupCommit(platform, owner, true)
    file.append(Buffer.from('1\n'))
    const all = Promise.all([commit.commitBehind(), commit.commitBehind()])
    await slow.end(systemError('EIO'))
    await all
    expect(failures).to.have.length(1)
    expect(commit.isIdle).to.equal(true)
    expect(commit.isBehind).to.equal(false)
    file.close()
  })

  it('is what sync asks for, under flush too', async () => {
    open('flush')
    log.write('one\n')
    const synced = watch(log.sync())
    expect(readLines(at('audit.log'))).to.deep.equal(['one'])
    await new Promise(setImmediate)
    expect(synced.state).to.equal('waits')
    await slow.end()
    await slow.end()
    expect(synced.state).to.equal('resolved')
  })

  it('reports a failed sync as a warning where nobody listens for errors', async () => {
    open('flush')
    const warned = new Promise(resolve => log.once('warning', resolve)) // `once` hears errors too
    const synced = watch(log.sync())
    await slow.end(systemError('EIO'))
    expect(await warned).to.have.property('code', 'ERR_ROLLKEEPER_SYNC')
    expect(synced.state).to.equal('ERR_ROLLKEEPER_SYNC')
  })

  it('acknowledges nothing by the sync of another file, however often files change meanwhile', async () => {
    open('sync', 4)
    await slow.endAllUntil(log.append('1\n'))
    const first = watch(log.append('22\n')) // in the second file
    await new Promise(setImmediate)
    const second = watch(log.append('333\n')) // in the third
    await new Promise(setImmediate)
    const synced = (file: string) => slow.diary.includes(`synced file ${file}`)
    for (let i = 0; i < 8; i++) {
      if (first.state === 'resolved') expect(synced('#2')).to.equal(true)
      if (second.state === 'resolved') expect(synced('#3')).to.equal(true)
      if (second.state === 'waits') await slow.end()
    }
    expect([first.state, second.state]).to.deep.equal(['resolved', 'resolved'])
    await slow.endAllUntil(log.settled())
  })

  it('does not acknowledge a batch that began in a file whose sync failed', async () => {
    open('sync')
    const first = watch(log.append('1\n'))
    await new Promise(setImmediate)
    slow.disk.write = (fd, bytes, offset) => {
      slow.disk.write = () => {
        throw systemError('ENOSPC')
      }
      return systemDisk.write(fd, bytes, offset, 2)
    }
    const begun = watch(Promise.all([log.append('2\n'), log.append('3\n')]))
    await new Promise(setImmediate)
    slow.disk.write = (...write) => systemDisk.write(...write)
    await slow.end(systemError('EIO'))
    expect([first.state, begun.state]).to.deep.equal(Array(2).fill('ERR_ROLLKEEPER_SYNC'))
    await slow.endAllUntil(log.append('4\n'))
    expect(readLines(at('audit.log')).sort()).to.deep.equal(['1', '2', '3', '4'])
  })

  it('keeps every file open until its sync has returned where acknowledgements depend on it', async () => {
    open('sync', 4)
    const appended = Promise.all(Array.from({ length: 40 }, (_, i) => log.append(`${i + 100}\n`)))
    await slow.endAllUntil(appended)
    const files = slow.diary.filter(line => line.startsWith('synced file'))
    expect(new Set(files).size).to.equal(40)
  })

  it('closes the log only after a sync that was asked for right before', async () => {
    open('flush')
    log.write('1\n')
    const synced = watch(log.sync())
    await slow.endAllUntil(log.close())
    expect(synced.state).to.equal('resolved')
    expect(slow.open).to.equal(0)
  })

  it('tells who asks next of a sync behind that failed, once', async () => {
    open('flush')
    await log.append('1\n')
    await log.rotate()
    await slow.end(systemError('EIO'))
    await slow.end() // the directory
    const asked = log.sync()
    const told = watch(asked)
    await slow.endAllUntil(asked.catch(() => undefined))
    expect(told.state).to.equal('ERR_ROLLKEEPER_SYNC')
    expect(slow.diary).to.include('synced file #2')
    await slow.endAllUntil(log.sync())
  })

  it('survives two failures with one listener that hears only the first', async () => {
    open('flush')
    let heard = 0
    log.once('error', () => heard++)
    const warned = new Promise(resolve => log.once('warning', resolve))
    for (let i = 0; i < 2; i++) {
      const failed = log.sync().catch((error: unknown) => error)
      await slow.end(systemError('EIO'))
      expect(await failed).to.have.property('code', 'ERR_ROLLKEEPER_SYNC')
      await log.append('1\n')
    }
    await warned
    expect(heard).to.equal(1)
  })

  it('acknowledges nothing that went into a file after its sync had failed', async () => {
    open('sync', 40)
    log.on('error', () => undefined)
    slow.disk.rename = () => {
      throw systemError('EBUSY')
    }
    const first = watch(log.append('1\n'))
    await slow.end(systemError('EIO')) // and the file cannot be rotated away
    slow.disk.rename = (from, to) => systemDisk.rename(from, to)
    const appended = log.append('into the same file\n')
    const rotation = log.rotate()
    const [second, rotated] = [watch(appended), watch(rotation)]
    await slow.endAllUntil(Promise.allSettled([appended, rotation]))
    expect([first.state, second.state]).to.deep.equal(Array(2).fill('ERR_ROLLKEEPER_SYNC'))
    expect(rotated.state).to.equal('ERR_ROLLKEEPER_SYNC')
    expect(slow.diary.filter(line => line === 'sync file #1')).to.have.length(1)
  })

  it('lets a sync of an empty file fail without harm to what comes', async () => {
    open('sync')
    log.on('error', () => undefined)
    const empty = watch(log.sync())
    await slow.end(systemError('EIO'))
    expect(empty.state).to.equal('ERR_ROLLKEEPER_SYNC')
    await slow.endAllUntil(log.append('1\n'))
  })

  it('rejects no record that waits for a write when the sync of another file fails, under flush', async () => {
    open('flush')
    await log.append('1\n')
    await log.rotate()
    slow.disk.write = (fd, bytes, offset) => {
      slow.disk.write = () => {
        throw systemError('ENOSPC')
      }
      return systemDisk.write(fd, bytes, offset, 2)
    }
    const begun = watch(Promise.all([log.append('2\n'), log.append('3\n'), log.flush()]))
    await new Promise(setImmediate)
    await slow.end(systemError('EIO'))
    expect(begun.state).to.equal('waits')
    slow.disk.write = (...write) => systemDisk.write(...write)
    log.flushSync()
    await new Promise(setImmediate)
    expect(begun.state).to.equal('resolved')
  })
})
