import type { Server } from 'node:net'
import { dirname, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect } from 'chai'
import fs from 'fs-extra'
import { FileAppender } from '../../lib/appender/file-appender.js'
import type { FileAppenderOptions } from '../../lib/appender/options.js'
import { formatBackupName } from '../../lib/backup/backup-name.js'
import { systemDisk, type Disk } from '../../lib/platform/disk.js'
import { RollkeeperError } from '../../lib/platform/rollkeeper-error.js'
import { ManualClock } from '../support/manual-clock.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { listenBeside, lookAt, makeOutside, PLANTS, snapshotOf } from './outside.js'

const START = '2016-09-07T12:00:00.000Z'

/** Nobody loses power here, and there are very many lives. */
const disk: Disk = {
  ...systemDisk,
  datasync: async () => undefined,
  syncDirectory: async () => undefined,
}

const backupAt = (ms: number): string =>
  formatBackupName('audit.log', new Date(Date.parse(START) + ms))

/**
 * A name that is about to be used: reserved for the log, which may remove what is there; or one that
 * it may not be in the way of; or one without which there is no log.
 */
type Place = readonly [name: string, kind: 'reserved' | 'foreign' | 'needed']

const PLACES: readonly Place[] = [
  ['audit.log', 'needed'],
  ['.audit.log.lock', 'needed'],
  ['.audit.log.rotating', 'reserved'],
  ['.audit.log.rotating.2', 'reserved'],
  ['.audit.log.hold', 'reserved'],
  [`.${backupAt(0)}.gz.tmp`, 'reserved'],
  [backupAt(0), 'foreign'],
  [backupAt(1), 'foreign'],
  [`${backupAt(0)}.gz`, 'foreign'],
  [`${backupAt(0)}.hold`, 'foreign'],
  [`${backupAt(0)}.gz.hold`, 'foreign'],
]

/** What a planted thing may make a log say; anything else than these would be no clear refusal. */
const REFUSALS = [
  'ERR_ROLLKEEPER_PATH',
  'ERR_ROLLKEEPER_OPEN',
  'ERR_ROLLKEEPER_ROTATE',
  'ERR_ROLLKEEPER_HOLD',
]

describe('a log in a directory where somebody plants things', function () {
  this.timeout(20_000)
  const at = temporaryDirectory()
  let clock: ManualClock
  let server: Server | undefined
  beforeEach(() => {
    clock = new ManualClock(START)
    makeOutside(at('outside'))
    fs.mkdirSync(at('logs'))
    fs.chmodSync(at('logs'), 0o777)
  })

  afterEach(() => void server?.close())

  const path = (): string => at('logs', 'audit.log')
  const open = (options: Partial<FileAppenderOptions> = {}): FileAppender =>
    new FileAppender({ path: path(), ...options }, { disk, clock })

  /** Lines of ours that regular files of the directory have, each file once, in any order. */
  const ourLines = (): string[] => {
    const seen = new Set<number>()
    const files = fs.readdirSync(at('logs')).map(name => at('logs', name))
    const texts = files.map(file => {
      const status = fs.lstatSync(file)
      if (!status.isFile() || seen.has(status.ino)) return ''
      seen.add(status.ino)
      const bytes = fs.readFileSync(file)
      return (bytes[0] === 0x1f ? gunzipSync(bytes) : bytes).toString()
    })
    return texts
      .join('\n')
      .split('\n')
      .filter(line => line.startsWith('ours'))
      .toSorted()
  }

  /** What a call is refused with; anything but a `RollkeeperError` fails. */
  const refusalOf = async (call: () => unknown): Promise<string | undefined> => {
    try {
      await call()
      return undefined
    } catch (error) {
      if (!(error instanceof RollkeeperError)) throw error
      expect(error.code).to.be.oneOf(REFUSALS)
      return error.code
    }
  }

  /**
   * Opens, appends, rotates, archives, holds, prunes, closes, twice. Returns the lines that were
   * acknowledged and may not have been pruned, and what was refused.
   */
  const live = async (): Promise<{ lines: string[]; refusals: Set<string> }> => {
    const lines: string[] = []
    const refusals = new Set<string>()
    const note = async (call: () => unknown): Promise<void> => {
      const refusal = await refusalOf(call)
      if (refusal) refusals.add(refusal)
    }
    for (const life of [1, 2]) {
      let log: FileAppender | undefined
      await note(() => void (log = open({ compress: 'gzip' })))
      if (!log) break
      for (const round of [1, 2, 3]) {
        const line = `ours ${life} ${round}`
        await log.append(`${line}\n`)
        lines.push(line)
        await note(() => log?.rotate())
        await log.settled()
      }
      const newest = (await log.backups())[0]
      if (newest) await note(() => log?.hold(newest, 'why'))
      await log.append(`ours ${life} last\n`)
      lines.push(`ours ${life} last`)
      await log.close()
      clock.pass(10)
    }
    return { lines: lines.toSorted(), refusals }
  }

  for (const [name, kind] of PLACES) {
    for (const [what, plant] of PLANTS) {
      it(`changes nothing outside, and keeps its records: ${what} at ${name}`, async function () {
        const planted = at('logs', name)
        if (what === 'a socket') server = await listenBeside(at('outside'))
        try {
          plant(planted, at('outside'))
        } catch (error) {
          if (what !== 'a device') throw error
          console.log('      skipped: only root may make a device')
          this.skip()
        }
        const outside = snapshotOf(at('outside'))
        const before = lookAt(planted)
        const { lines, refusals } = await live()
        expect(snapshotOf(at('outside'))).to.deep.equal(outside)
        if (kind === 'needed') {
          expect([...refusals]).to.deep.equal(['ERR_ROLLKEEPER_PATH'])
          expect(lookAt(planted)).to.deep.equal(before)
          expect(fs.readdirSync(at('logs'))).to.deep.equal([name])
          return
        }
        expect(ourLines()).to.deep.equal(lines)
        // A file with the name of a backup is one, whoever made it; and anybody may make a hold.
        const isTaken = what === 'a hard link to a file' || name.endsWith('.hold')
        if (kind === 'foreign' && !isTaken) expect(lookAt(planted)).to.deep.equal(before)
        if (fs.existsSync(join(planted, 'inside'))) {
          expect(fs.readFileSync(join(planted, 'inside'), 'utf8')).to.equal('inside')
        }

        const pruning = open({ retention: backups => backups })
        await pruning.settled()
        await pruning.close()
        expect(snapshotOf(at('outside'))).to.deep.equal(outside)
        if (kind === 'foreign' && !isTaken) expect(lookAt(planted)).to.deep.equal(before)
      })
    }
  }

  it('does not write to a file outside that has both names of a rotation that did not end', async () => {
    for (const name of ['.audit.log.rotating', backupAt(-1)]) {
      fs.linkSync(at('outside', 'file'), at('logs', name))
    }
    const outside = snapshotOf(at('outside'))
    const { lines } = await live()
    expect(snapshotOf(at('outside'))).to.deep.equal(outside)
    expect(ourLines()).to.deep.equal(lines)
  })

  it('finds a free name behind hundreds of planted ones, plain and archived', async () => {
    for (let ms = 0; ms < 300; ms++) {
      const archive = ms % 3 === 0 ? '.gz' : ''
      fs.symlinkSync(at('outside', 'file'), at('logs', backupAt(ms) + archive))
    }
    const outside = snapshotOf(at('outside'))
    const log = open()
    await log.append('ours\n')
    expect((await log.rotate())?.name).to.equal(backupAt(300))
    await log.close()
    expect(snapshotOf(at('outside'))).to.deep.equal(outside)
  })

  it('passes over a link to a file of its own, under the name of a backup', async () => {
    fs.symlinkSync('audit.log', at('logs', backupAt(0)))
    const log = open({ compress: 'gzip', maxBackups: 1 })
    for (const line of ['one', 'two', 'three']) {
      await log.append(`${line}\n`)
      await log.rotate()
      await log.settled()
    }
    expect(await log.backups()).to.have.length(1)
    await log.append('four\n')
    await log.close()
    expect(fs.readFileSync(path(), 'utf8')).to.equal('four\n')
    expect(fs.readlinkSync(at('logs', backupAt(0)))).to.equal('audit.log')
  })

  describe('right before a file is made', () => {
    for (const [place, ending] of [
      ['the active file', 'audit.log'],
      ['the lock', '.lock'],
      ['an archive', '.gz.tmp'],
      ['a hold', '.audit.log.hold'],
    ] as const) {
      for (const [what, plant] of PLANTS.slice(0, 4)) {
        it(`writes nothing into ${what} that comes in the place of ${place}`, async () => {
          let planted = 0
          const plantAt = (target: string): void => {
            if (!target.endsWith(ending)) return
            fs.removeSync(target)
            plant(target, at('outside'))
            planted++
          }
          const late: Disk = {
            ...disk,
            create(target, permissions) {
              plantAt(target)
              return disk.create(target, permissions)
            },
            openLock(target, permissions) {
              plantAt(target)
              return disk.openLock(target, permissions)
            },
          }
          const outside = snapshotOf(at('outside'))
          const files = { path: path(), compress: 'gzip' } as const
          await refusalOf(async () => {
            const log = new FileAppender(files, { disk: late, clock })
            await log.append('ours 1\n')
            const backup = await log.rotate()
            await log.settled()
            await refusalOf(() => backup && log.hold(backup, 'why'))
            await log.close()
          })
          expect(planted).to.be.above(0)
          expect(snapshotOf(at('outside'))).to.deep.equal(outside)
        })
      }
    }
  })

  describe('at the active path, a regular file', () => {
    it('is refused where it has another name, if others may write there', async () => {
      fs.linkSync(at('outside', 'file'), path())
      expect(await refusalOf(() => open())).to.equal('ERR_ROLLKEEPER_PATH')
      expect(fs.readFileSync(at('outside', 'file'), 'utf8')).to.equal('outside file')
    })

    it('is accepted with another name where nobody else may write', async () => {
      fs.chmodSync(dirname(path()), 0o700)
      fs.linkSync(at('outside', 'file'), path())
      const log = open()
      await log.append('ours\n')
      await log.close()
      expect(fs.readFileSync(path(), 'utf8')).to.equal('outside file\nours\n')
    })

    it('is refused where it belongs to a stranger, if anybody may write there', async function () {
      if (process.getuid?.() !== 0) {
        console.log('      skipped: only root may give a file to somebody else')
        this.skip()
      }
      fs.writeFileSync(path(), '')
      fs.chmodSync(path(), 0o666)
      fs.chownSync(path(), 4711, 4711)
      expect(await refusalOf(() => open())).to.equal('ERR_ROLLKEEPER_PATH')
      expect(fs.readFileSync(path(), 'utf8')).to.equal('')
      fs.chmodSync(dirname(path()), 0o755)
      const log = open()
      await log.append('ours\n')
      await log.close()
      expect(fs.readFileSync(path(), 'utf8')).to.equal('ours\n')
    })

    it('that comes between the steps of a rotation is not written to', async () => {
      const swift: Disk = {
        ...disk,
        rename(from, to) {
          disk.rename(from, to)
          if (from === path()) fs.linkSync(at('outside', 'file'), path())
        },
      }
      const outside = snapshotOf(at('outside'))
      const log = new FileAppender({ path: path() }, { disk: swift, clock })
      await log.append('ours 1\n')
      expect(await refusalOf(() => log.rotate())).to.equal('ERR_ROLLKEEPER_ROTATE')
      await log.append('ours 2\n')
      await log.close()
      expect(snapshotOf(at('outside'))).to.deep.equal(outside)
      expect(ourLines()).to.deep.equal(['ours 1', 'ours 2'])
    })

    it('that is put in the place of ours is not followed', async () => {
      const log = open()
      await log.append('ours 1\n')
      const outside = snapshotOf(at('outside'))
      fs.renameSync(path(), at('logs', 'moved'))
      fs.linkSync(at('outside', 'file'), path())
      await log.append('ours 2\n')
      await log.close()
      expect(snapshotOf(at('outside'))).to.deep.equal(outside)
      expect(ourLines()).to.deep.equal(['ours 1', 'ours 2'])
    })
  })
})
