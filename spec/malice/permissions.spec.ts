import { dirname, join } from 'node:path'
import { expect } from 'chai'
import fs from 'fs-extra'
import { FileAppender } from '../../lib/appender/file-appender.js'
import type { FileAppenderOptions } from '../../lib/appender/options.js'
import { systemDisk, type Disk } from '../../lib/platform/disk.js'
import { ManualClock } from '../support/manual-clock.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const GROUP_BITS = 0o070
const UMASKS = [0o000, 0o022, 0o077, 0o777]
const isRoot = process.getuid?.() === 0

/** The owner and the group that a log's files are to have. */
interface Owner {
  readonly uid: number
  readonly gid: number
}

describe('the permissions of a log', function () {
  this.timeout(20_000)
  const at = temporaryDirectory()
  const path = (): string => at('logs', 'audit.log')

  /** Runs code under a umask, which a process has only one of. */
  const withUmask = async (mask: number, code: () => Promise<void>): Promise<void> => {
    const before = process.umask(mask)
    try {
      await code()
    } finally {
      process.umask(before)
    }
  }

  /** What of the directory may be read by more than a mode and a group allow. */
  const tooOpen = (mode: number, owner?: Owner): string[] => {
    if (!fs.existsSync(dirname(path()))) return []
    return fs.readdirSync(dirname(path())).flatMap(name => {
      const status = fs.lstatSync(at('logs', name), { throwIfNoEntry: false })
      if (!status?.isFile()) return []
      const isStray = (status.mode & 0o777 & ~mode) !== 0
      const isWrong = owner && status.gid !== owner.gid && (status.mode & GROUP_BITS) !== 0
      return isStray || isWrong ? [`${name} ${(status.mode & 0o7777).toString(8)}`] : []
    })
  }

  /** A disk that looks after each of its calls whether a file is too open by now. */
  const watched = (found: Set<string>, mode: number, owner?: Owner): Disk =>
    new Proxy(systemDisk, {
      get(target, call: keyof Disk) {
        const make = target[call] as (...args: unknown[]) => unknown
        const look = (): void => {
          for (const file of tooOpen(mode, owner)) found.add(`${file} after ${call}`)
        }
        return (...args: unknown[]) => {
          const result = make.apply(target, args)
          look()
          if (result instanceof Promise) void result.then(look, look)
          return result
        }
      },
    })

  /** Opens, rotates, archives, holds, closes, and opens again. Returns what was too open on the way. */
  const live = async (
    options: Partial<FileAppenderOptions>,
    mode: number,
    owner?: Owner,
  ): Promise<string[]> => {
    const found = new Set<string>()
    const clock = new ManualClock()
    for (let life = 0; life < 2; life++) {
      const disk = watched(found, mode, owner)
      const log = new FileAppender({ path: path(), ...options }, { disk, clock })
      for (let round = 0; round < 2; round++) {
        await log.append('secret\n')
        const backup = await log.rotate()
        if (backup) await log.hold(backup, 'why')
        await log.settled()
      }
      await log.append('secret\n')
      await log.close()
    }
    return [...found]
  }

  /** The modes, and the owners, that the files have which are left. */
  const left = (): { modes: Set<string>; owners: Set<string>; kinds: Set<string> } => {
    const names = fs.readdirSync(dirname(path()))
    const all = names.map(name => fs.lstatSync(at('logs', name)))
    return {
      modes: new Set(all.map(({ mode }) => (mode & 0o7777).toString(8))),
      owners: new Set(all.map(({ uid, gid }) => `${uid}:${gid}`)),
      kinds: new Set(
        names.map(name => /^audit\.log$|\.gz$|\.hold$|\.log$/.exec(name)?.[0] ?? name),
      ),
    }
  }

  for (const mask of UMASKS) {
    for (const compress of ['gzip', false] as const) {
      const backups = compress ? 'archives' : 'backups'

      it(`are 0600 and 0700 by umask ${mask.toString(8)}, at every moment, with ${backups}`, async () => {
        await withUmask(mask, async () => {
          expect(await live({ compress }, 0o600)).to.deep.equal([])
        })
        expect(left().modes).to.deep.equal(new Set(['600']))
        expect(left().kinds).to.include.keys('audit.log', '.hold', compress ? '.gz' : '.log')
        expect(fs.statSync(dirname(path())).mode & 0o777).to.equal(0o700)
      })

      it(`are those asked for by umask ${mask.toString(8)}, with ${backups}`, async () => {
        await withUmask(mask, async () => {
          const options = { compress, mode: 0o640, directoryMode: 0o750 } as const
          expect(await live(options, 0o640)).to.deep.equal([])
        })
        expect(left().modes).to.deep.equal(new Set(['640']))
        expect(fs.statSync(dirname(path())).mode & 0o777).to.equal(0o750)
      })

      it(`are those of the file that is there, by umask ${mask.toString(8)}, with ${backups}`, async () => {
        fs.outputFileSync(path(), 'before\n')
        fs.chmodSync(path(), 0o660)
        await withUmask(mask, async () => {
          expect(await live({ compress, mode: 0o600 }, 0o660)).to.deep.equal([])
        })
        expect(left().modes).to.deep.equal(new Set(['660']))
      })
    }
  }

  it('are never open to a group before the file has that group; and the owner carries over', async function () {
    if (!isRoot) {
      console.log('      skipped: only root may give files to others')
      this.skip()
    }
    const owner = { uid: 4711, gid: 4712 }
    fs.outputFileSync(path(), 'before\n')
    fs.chmodSync(path(), 0o640)
    fs.chownSync(path(), owner.uid, owner.gid)
    expect(await live({ compress: 'gzip' }, 0o640, owner)).to.deep.equal([])
    expect(left().owners).to.deep.equal(new Set(['4711:4712']))
    expect(left().modes).to.deep.equal(new Set(['640']))
  })

  it('are not those of a planted private name, where anybody may write', async () => {
    fs.mkdirSync(at('logs'))
    fs.chmodSync(at('logs'), 0o777)
    const planted = at('logs', '.audit.log.rotating')
    fs.writeFileSync(planted, 'planted\n')
    fs.chmodSync(planted, 0o666)
    if (isRoot) fs.chownSync(planted, 4711, 4711)
    else fs.linkSync(planted, at('second name'))
    const log = new FileAppender({ path: path() })
    await log.append('secret\n')
    await log.settled()
    expect(fs.statSync(path()).mode & 0o7777).to.equal(0o600)
    await log.close()
  })

  it('make a warning, once, of a directory that others may write to', async () => {
    fs.mkdirSync(at('logs'))
    fs.chmodSync(at('logs'), 0o777)
    const warnings: string[] = []
    const log = new FileAppender({ path: path() })
    log.on('warning', ({ code, message }) => warnings.push(`${code} ${message}`))
    for (let round = 0; round < 3; round++) {
      await log.append('one\n')
      await log.rotate()
      await log.settled()
    }
    await log.close()
    expect(warnings).to.have.length(1)
    expect(warnings[0]).to.match(/^ERR_ROLLKEEPER_PATH anybody may write to /)
  })

  it('make no warning of directories as they usually are', async function () {
    const usual = [
      [0o755, 0, 0],
      [0o700, process.getuid?.() ?? 0, process.getgid?.() ?? 0],
      [0o775, process.getuid?.() ?? 0, process.getgid?.() ?? 0],
    ] as const
    for (const [mode, uid, gid] of isRoot ? usual : usual.slice(1)) {
      const directory = at(`usual-${mode.toString(8)}`)
      fs.mkdirSync(directory)
      fs.chmodSync(directory, mode)
      fs.chownSync(directory, uid, gid)
      const log = new FileAppender({ path: join(directory, 'audit.log') })
      log.on('warning', warning => expect.fail(warning.message))
      await log.append('one\n')
      await log.close()
    }
  })
})
