import { execFileSync, spawnSync } from 'node:child_process'
import nodeFs from 'node:fs'
import { dirname } from 'node:path'
import { expect } from 'chai'
import fs from 'fs-extra'
import { sameFile, systemDisk, type DirectoryEntry } from '../../lib/platform/disk.js'
import { systemCode } from '../../lib/platform/rollkeeper-error.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const bytes = (text: string): Uint8Array => Buffer.from(text)
const permissionsOf = (path: string): number => fs.lstatSync(path).mode & 0o7777

/** The code of the error that a call throws, or is rejected with. */
async function codeOf(call: () => unknown): Promise<string | undefined> {
  try {
    await call()
    return undefined
  } catch (error) {
    return systemCode(error)
  }
}

/** Runs code under a umask. */
function withUmask<Result>(mask: number, code: () => Result): Result {
  const before = process.umask(mask)
  try {
    return code()
  } finally {
    process.umask(before)
  }
}

describe('systemDisk', () => {
  const at = temporaryDirectory()

  /** So many names of one file. */
  const makeMany = (count: number): void => {
    fs.writeFileSync(at('0'), '')
    for (let index = 1; index < count; index++) fs.linkSync(at('0'), at(String(index)))
  }

  /** Descriptors of this process that lead to the directory of the test. */
  const openHere = (): number =>
    fs.readdirSync('/proc/self/fd').filter(fd => {
      try {
        return fs.readlinkSync(`/proc/self/fd/${fd}`) === at()
      } catch {
        return false // the one by which they were listed
      }
    }).length

  describe('create', () => {
    it('gives the file just these permissions, whatever the umask is', () => {
      for (const mask of [0o000, 0o077, 0o777]) {
        for (const mode of [0o600, 0o640, 0o666, 0o400]) {
          const path = at(`audit-${mask}-${mode}.log`)
          withUmask(mask, () => systemDisk.close(systemDisk.create(path, { mode })))
          expect(permissionsOf(path)).to.equal(mode)
        }
      }
    })

    it('gives nobody but the owner a way in before the file has its owner and mode', () => {
      const { openSync } = nodeFs
      const modes: unknown[] = []
      nodeFs.openSync = (path, flags, mode) => {
        modes.push(mode)
        const fd = openSync(path, flags, mode)
        expect(permissionsOf(String(path)) & ~Number(mode)).to.equal(0)
        return fd
      }
      try {
        withUmask(0o000, () => {
          for (const mode of [0o666, 0o640, 0o444, 0o6755]) {
            systemDisk.close(systemDisk.create(at(`audit-${mode}.log`), { mode }))
            expect(permissionsOf(at(`audit-${mode}.log`))).to.equal(mode)
          }
        })
      } finally {
        nodeFs.openSync = openSync
      }
      expect(modes).to.deep.equal([0o600, 0o600, 0o400, 0o700])
    })

    it('gives the file its owner where that is allowed, and then its permissions', () => {
      const root = process.getuid?.() === 0
      const owner = root
        ? { uid: 4711, gid: 4712 }
        : { uid: process.getuid!(), gid: process.getgid!() }
      const fd = systemDisk.create(at('audit.log'), { mode: 0o640, ...owner })
      const { uid, gid } = systemDisk.fstat(fd)
      systemDisk.close(fd)
      expect({ uid, gid }).to.deep.equal(owner)
      expect(permissionsOf(at('audit.log'))).to.equal(0o640)
    })

    it('gives a group nothing that it did not mean, where the file cannot have its group', function () {
      if (process.getuid?.() !== 0) {
        console.log('      skipped: only root may work as somebody else for a moment')
        this.skip()
      }
      fs.chownSync(at(), 4711, 4711)
      const permissions: Record<string, number> = {}
      process.setgroups!([4711, 4713])
      process.setegid!(4711)
      process.seteuid!(4711)
      try {
        for (const [name, mode, uid, gid] of [
          ['own', 0o640, 4711, 4711],
          ['another owner', 0o640, 0, 4711],
          ['another group of ours', 0o660, 0, 4713],
          ['a foreign group', 0o640, 4711, 4712],
          ['a foreign group, more', 0o670, 0, 4712],
          ['a foreign group, for all', 0o664, 0, 4712],
        ] as const) {
          systemDisk.close(systemDisk.create(at(name), { mode, uid, gid }))
          permissions[name] = permissionsOf(at(name))
        }
      } finally {
        process.seteuid!(0)
        process.setegid!(0)
        process.setgroups!([0])
      }
      expect(permissions).to.deep.equal({
        own: 0o640,
        'another owner': 0o640,
        'another group of ours': 0o660,
        'a foreign group': 0o600,
        'a foreign group, more': 0o600,
        'a foreign group, for all': 0o644,
      })
      expect(fs.statSync(at('another group of ours')).gid).to.equal(4713)
    })

    it('refuses a path where anything stands, and leaves that alone', async () => {
      fs.writeFileSync(at('file'), 'kept\n')
      fs.mkdirSync(at('directory'))
      fs.symlinkSync(at('nowhere'), at('dangling'))
      for (const name of ['file', 'directory', 'dangling']) {
        expect(await codeOf(() => systemDisk.create(at(name), { mode: 0o600 }))).to.equal('EEXIST')
      }
      expect(fs.readFileSync(at('file'), 'utf8')).to.equal('kept\n')
      expect(fs.existsSync(at('nowhere'))).to.equal(false)
    })
  })

  describe('openExisting', () => {
    it('makes no file', async () => {
      expect(await codeOf(() => systemDisk.openExisting(at('audit.log')))).to.equal('ENOENT')
      expect(fs.readdirSync(at())).to.deep.equal([])
    })

    it('does not follow a symbolic link', async () => {
      fs.writeFileSync(at('file'), '')
      fs.symlinkSync(at('file'), at('audit.log'))
      expect(await codeOf(() => systemDisk.openExisting(at('audit.log')))).to.equal('ELOOP')
    })

    it('changes no permissions', () => {
      fs.writeFileSync(at('audit.log'), '', { mode: 0o644 })
      fs.chmodSync(at('audit.log'), 0o604)
      systemDisk.close(systemDisk.openExisting(at('audit.log')))
      expect(permissionsOf(at('audit.log'))).to.equal(0o604)
    })
  })

  describe('write', () => {
    it('appends a part of the bytes, and says how many it took', () => {
      fs.writeFileSync(at('audit.log'), 'one\n')
      const fd = systemDisk.openExisting(at('audit.log'))
      expect(systemDisk.write(fd, bytes('--two\n--'), 2, 4)).to.equal(4)
      systemDisk.close(fd)
      expect(fs.readFileSync(at('audit.log'), 'utf8')).to.equal('one\ntwo\n')
    })

    it('appends where the file ends now, also after somebody cut it', () => {
      for (const open of [() => systemDisk.create(at('new'), { mode: 0o600 }), reopenNew]) {
        const fd = open()
        systemDisk.write(fd, bytes('first\n'), 0, 6)
        fs.truncateSync(at('new'), 0)
        systemDisk.write(fd, bytes('second\n'), 0, 7)
        systemDisk.close(fd)
        expect(fs.readFileSync(at('new'), 'utf8')).to.equal('second\n')
      }

      function reopenNew(): number {
        return systemDisk.openExisting(at('new'))
      }
    })
  })

  it('reads from a position, and no further than the end, through the descriptor it writes', () => {
    const fd = systemDisk.create(at('audit.log'), { mode: 0o600 })
    systemDisk.write(fd, bytes('0123456789'), 0, 10)
    const into = new Uint8Array(4)
    expect(systemDisk.read(fd, into, 3)).to.equal(4)
    expect(Buffer.from(into).toString()).to.equal('3456')
    expect(systemDisk.read(fd, into, 8)).to.equal(2)
    systemDisk.close(fd)
  })

  describe('lstat', () => {
    it('is undefined where nothing stands', () => {
      expect(systemDisk.lstat(at('nothing'))).to.equal(undefined)
    })

    it('tells of a link, not of what it leads to', () => {
      fs.writeFileSync(at('file'), 'text')
      fs.symlinkSync(at('file'), at('link'))
      expect(systemDisk.lstat(at('file'))?.isFile()).to.equal(true)
      expect(systemDisk.lstat(at('file'))?.size).to.equal(4)
      expect(systemDisk.lstat(at('link'))?.isFile()).to.equal(false)
    })
  })

  it('never replaces a file by a link', async () => {
    fs.writeFileSync(at('one'), '1')
    fs.writeFileSync(at('two'), '2')
    expect(await codeOf(() => systemDisk.link(at('one'), at('two')))).to.equal('EEXIST')
    expect(fs.readFileSync(at('two'), 'utf8')).to.equal('2')
    systemDisk.link(at('one'), at('three'))
    expect(systemDisk.lstat(at('three'))?.nlink).to.equal(2)
    systemDisk.unlink(at('one'))
    systemDisk.rename(at('three'), at('one'))
    expect(fs.readFileSync(at('one'), 'utf8')).to.equal('1')
  })

  describe('stat', () => {
    it('tells what a link leads to, and throws where that is nothing', async () => {
      fs.writeFileSync(at('file'), '')
      fs.symlinkSync(at('file'), at('link'))
      fs.symlinkSync(at('nowhere'), at('dangling'))
      expect(systemDisk.stat(at('link')).ino).to.equal(systemDisk.stat(at('file')).ino)
      expect(await codeOf(() => systemDisk.stat(at('dangling')))).to.equal('ENOENT')
    })
  })

  describe('makeDirectory', () => {
    it('makes all parents with just this mode, and returns those it made, outermost first', () => {
      const made = withUmask(0o077, () => systemDisk.makeDirectory(at('a', 'b', 'c'), 0o755))
      expect(made).to.deep.equal([at('a'), at('a', 'b'), at('a', 'b', 'c')])
      expect(made.map(permissionsOf)).to.deep.equal([0o755, 0o755, 0o755])
    })

    it('gives just the mode asked for, by whatever umask', () => {
      for (const mask of [0o000, 0o022, 0o777]) {
        const path = at(`mask-${mask}`)
        withUmask(mask, () => systemDisk.makeDirectory(path, 0o750))
        expect(permissionsOf(path)).to.equal(0o750)
      }
    })

    it('changes nothing that a link leads to which came in its place, and fails', async () => {
      fs.mkdirSync(at('outside'), { mode: 0o711 })
      const { mkdirSync } = nodeFs
      nodeFs.mkdirSync = ((path: string) => {
        fs.symlinkSync(at('outside'), path)
        return undefined
      }) as typeof mkdirSync
      try {
        const code = await codeOf(() => systemDisk.makeDirectory(at('logs'), 0o700))
        expect(code).to.be.oneOf(['ELOOP', 'ENOTDIR'])
      } finally {
        nodeFs.mkdirSync = mkdirSync
      }
      expect(permissionsOf(at('outside'))).to.equal(0o711)
    })

    it('leaves alone what is there', () => {
      fs.mkdirSync(at('a'))
      fs.chmodSync(at('a'), 0o711)
      expect(systemDisk.makeDirectory(at('a'), 0o700)).to.deep.equal([])
      expect(systemDisk.makeDirectory(at('a', 'b'), 0o700)).to.deep.equal([at('a', 'b')])
      expect(permissionsOf(at('a'))).to.equal(0o711)
    })

    it('fails where a parent is a file', async () => {
      fs.writeFileSync(at('file'), '')
      const code = await codeOf(() => systemDisk.makeDirectory(at('file', 'a'), 0o700))
      expect(code).to.be.oneOf(['ENOTDIR', 'EEXIST'])
    })

    it('is undone by removeDirectory, which removes nothing that is not empty', async () => {
      fs.outputFileSync(at('a', 'file'), '')
      expect(await codeOf(() => systemDisk.removeDirectory(at('a')))).to.equal('ENOTEMPTY')
      fs.removeSync(at('a', 'file'))
      systemDisk.removeDirectory(at('a'))
      expect(fs.existsSync(at('a'))).to.equal(false)
    })
  })

  describe('entries', () => {
    const list = async (directory: string): Promise<DirectoryEntry[]> => {
      const found: DirectoryEntry[] = []
      for await (const some of systemDisk.entries(directory)) found.push(...some)
      return found.sort((one, other) => (one.name < other.name ? -1 : 1))
    }

    it('tells each name, and which are regular files', async () => {
      fs.writeFileSync(at('file'), '')
      fs.writeFileSync(at('.hidden ü\n'), '')
      fs.mkdirSync(at('folder'))
      fs.symlinkSync(at('file'), at('link'))
      const found = await list(at())
      expect(found).to.deep.equal([
        { name: '.hidden ü\n', regular: true },
        { name: 'file', regular: true },
        { name: 'folder', regular: false },
        { name: 'link', regular: false },
      ])
    })

    it('leaves open what is neither a file nor a directory nor a link', async () => {
      execFileSync('mkfifo', [at('pipe')])
      expect(await list(at())).to.deep.equal([{ name: 'pipe', regular: undefined }])
    })

    it('tells all of more names than it reads at once, each once, some hundreds at a time', async () => {
      makeMany(1300)
      const pieces: number[] = []
      const found = new Set<string>()
      for await (const some of systemDisk.entries(at())) {
        pieces.push(some.length)
        for (const { name } of some) found.add(name)
      }
      expect(found).to.have.property('size', 1300)
      expect(pieces.reduce((sum, count) => sum + count, 0)).to.equal(1300)
      expect(Math.max(...pieces)).to.be.at.most(512)
      expect(pieces).to.have.length(3)
    })

    it('tells all of exactly as many as it reads at once, and of none', async () => {
      expect(await list(at())).to.deep.equal([])
      makeMany(512)
      expect(await list(at())).to.have.length(512)
    })

    it('gives others their turn between its pieces', async () => {
      makeMany(1300)
      let turns = 0
      for await (const some of systemDisk.entries(at())) {
        expect(some).to.have.length.above(0)
        setImmediate(() => turns++)
        await new Promise(setImmediate)
      }
      expect(turns).to.equal(3)
    })

    it('leaves the directory where nobody wants to know the rest', async () => {
      makeMany(1300)
      for await (const some of systemDisk.entries(at())) {
        expect(some).to.have.length.above(0)
        expect(openHere()).to.equal(1)
        break
      }
      expect(openHere()).to.equal(0)
      for await (const some of systemDisk.entries(at())) expect(some).to.have.length.above(0)
      expect(openHere()).to.equal(0)
    })

    it('fails where there is no directory', async () => {
      expect(await codeOf(() => list(at('nowhere')))).to.equal('ENOENT')
    })
  })

  describe('scan', () => {
    it('tells all names, each once, some hundreds at a time, and closes the directory', () => {
      makeMany(1300)
      const scan = systemDisk.scan(at())
      const pieces: string[][] = []
      for (let names = scan.next(); names; names = scan.next()) {
        expect(openHere()).to.equal(1)
        pieces.push([...names])
      }
      expect(openHere()).to.equal(0)
      expect(pieces.map(({ length }) => length)).to.deep.equal([512, 512, 276])
      expect(new Set(pieces.flat())).to.deep.equal(new Set(fs.readdirSync(at())))
    })

    it('tells of an empty directory that there is none', () => {
      expect(systemDisk.scan(at()).next()).to.equal(undefined)
      expect(openHere()).to.equal(0)
    })

    it('ends before its end', () => {
      makeMany(1300)
      const scan = systemDisk.scan(at())
      scan.next()
      scan.close()
      expect(openHere()).to.equal(0)
    })

    it('fails where there is no directory', async () => {
      expect(await codeOf(() => systemDisk.scan(at('nowhere')))).to.equal('ENOENT')
    })
  })

  describe('openToRead', () => {
    it('opens a file to read it, and not to write', async () => {
      fs.writeFileSync(at('file'), 'text', { mode: 0o400 })
      const fd = systemDisk.openToRead(at('file'))
      const into = new Uint8Array(4)
      expect(systemDisk.read(fd, into, 0)).to.equal(4)
      expect(Buffer.from(into).toString()).to.equal('text')
      expect(await codeOf(() => systemDisk.write(fd, into, 0, 4))).to.equal('EBADF')
      systemDisk.close(fd)
    })

    it('makes no file, and does not follow a symbolic link', async () => {
      fs.writeFileSync(at('file'), '')
      fs.symlinkSync(at('file'), at('link'))
      expect(await codeOf(() => systemDisk.openToRead(at('link')))).to.equal('ELOOP')
      expect(await codeOf(() => systemDisk.openToRead(at('nowhere')))).to.equal('ENOENT')
      expect(fs.readdirSync(at()).sort()).to.deep.equal(['file', 'link'])
    })

    it('does not wait for the other end of a pipe', async () => {
      // In a program of its own: what waits here waits for ever, and nobody could end it.
      execFileSync('mkfifo', [at('pipe')])
      const program = `
        import { systemDisk } from ${JSON.stringify(new URL('../../lib/platform/disk.ts', import.meta.url).href)}
        systemDisk.openToRead(${JSON.stringify(at('pipe'))})`
      const args = ['--import', 'tsx', '--input-type=module', '--eval', program]
      const { status, signal } = spawnSync(process.execPath, args, { timeout: 15_000 })
      expect({ status, signal }).to.deep.equal({ status: 0, signal: null })
    })
  })

  describe('openLock, lock and truncate', () => {
    it('makes a file with these permissions, and leaves one that is there as it is', () => {
      withUmask(0o077, () => systemDisk.close(systemDisk.openLock(at('lock'), { mode: 0o640 })))
      expect(permissionsOf(at('lock'))).to.equal(0o640)
      fs.writeFileSync(at('lock'), 'one\n')
      const fd = systemDisk.openLock(at('lock'), { mode: 0o600 })
      expect(permissionsOf(at('lock'))).to.equal(0o640)
      systemDisk.write(fd, bytes('two\n'), 0, 4)
      expect(fs.readFileSync(at('lock'), 'utf8')).to.equal('one\ntwo\n')
      systemDisk.truncate(fd)
      systemDisk.write(fd, bytes('three\n'), 0, 6)
      expect(fs.readFileSync(at('lock'), 'utf8')).to.equal('three\n')
      systemDisk.close(fd)
    })

    it('locks the file for one descriptor, until that is closed', () => {
      const open = () => systemDisk.openLock(at('lock'), { mode: 0o600 })
      const [one, two] = [open(), open()]
      expect([systemDisk.lock(one), systemDisk.lock(two)]).to.deep.equal(['ours', 'taken'])
      systemDisk.close(one)
      expect(systemDisk.lock(two)).to.equal('ours')
      systemDisk.close(two)
    })

    it('follows no link', async () => {
      const openLock = () => systemDisk.openLock(at('link'), { mode: 0o600 })
      for (const target of ['file', 'nothing']) {
        fs.writeFileSync(at('file'), '')
        fs.symlinkSync(target, at('link'))
        expect(await codeOf(openLock)).to.equal('ELOOP')
        fs.unlinkSync(at('link'))
      }
      expect(fs.existsSync(at('nothing'))).to.equal(false)
    })
  })

  describe('readLater and writeLater', () => {
    it('read from a position, and no further than the end', async () => {
      fs.writeFileSync(at('file'), '0123456789')
      const fd = systemDisk.openToRead(at('file'))
      const into = new Uint8Array(4)
      expect(await systemDisk.readLater(fd, into, 3)).to.equal(4)
      expect(Buffer.from(into).toString()).to.equal('3456')
      expect(await systemDisk.readLater(fd, into, 8)).to.equal(2)
      expect(await systemDisk.readLater(fd, into, 10)).to.equal(0)
      systemDisk.close(fd)
      expect(await codeOf(() => systemDisk.readLater(fd, into, 0))).to.equal('EBADF')
    })

    it('append all bytes where the file ends now', async () => {
      const fd = systemDisk.create(at('file'), { mode: 0o600 })
      expect(await systemDisk.writeLater(fd, bytes('first\n'))).to.equal(6)
      fs.truncateSync(at('file'), 0)
      expect(await systemDisk.writeLater(fd, bytes('second\n'))).to.equal(7)
      systemDisk.close(fd)
      expect(fs.readFileSync(at('file'), 'utf8')).to.equal('second\n')
      expect(await codeOf(() => systemDisk.writeLater(fd, bytes('x')))).to.equal('EBADF')
    })

    it('leave the turn to others', async () => {
      const fd = systemDisk.create(at('file'), { mode: 0o600 })
      const underWay = (): number =>
        process.getActiveResourcesInfo().filter(name => name === 'FSReqCallback').length
      const before = underWay()
      const written = systemDisk.writeLater(fd, bytes('record\n'))
      const read = systemDisk.readLater(fd, new Uint8Array(1), 0)
      expect(underWay() - before).to.equal(2)
      await Promise.all([written, read])
      systemDisk.close(fd)
    })
  })

  it('syncs files and directories, and says so when it cannot', async () => {
    const fd = systemDisk.create(at('audit.log'), { mode: 0o600 })
    await systemDisk.datasync(fd)
    systemDisk.close(fd)
    await systemDisk.syncDirectory(at())
    expect(await codeOf(() => systemDisk.datasync(fd))).to.equal('EBADF')
    expect(await codeOf(() => systemDisk.syncDirectory(at('nowhere')))).to.equal('ENOENT')
    expect(await codeOf(() => systemDisk.syncDirectory(at('audit.log')))).to.equal('ENOTDIR')
  })

  it('removes a file, and no directory', async () => {
    fs.writeFileSync(at('file'), '')
    fs.mkdirSync(at('folder'))
    await systemDisk.remove(at('file'))
    expect(fs.readdirSync(at())).to.deep.equal(['folder'])
    expect(await codeOf(() => systemDisk.remove(at('file')))).to.equal('ENOENT')
    expect(await codeOf(() => systemDisk.remove(at('folder')))).to.be.oneOf(['EISDIR', 'EPERM'])
  })

  it('tells how many bytes are free for us', async () => {
    const free = await systemDisk.freeBytes(at())
    const { bavail, bsize, blocks } = fs.statfsSync(dirname(at()))
    expect(free).to.be.within(bavail > 0 ? 1 : 0, blocks * bsize)
  })
})

describe('sameFile', () => {
  const at = temporaryDirectory()
  const statusOf = (name: string) => systemDisk.lstat(at(name))!

  it('knows a file by device and inode: by another name, grown, through a descriptor', () => {
    fs.writeFileSync(at('one'), '')
    const before = statusOf('one')
    fs.linkSync(at('one'), at('two'))
    fs.appendFileSync(at('two'), 'more')
    expect(sameFile(before, statusOf('two'))).to.equal(true)
    const fd = systemDisk.openExisting(at('two'))
    expect(sameFile(before, systemDisk.fstat(fd))).to.equal(true)
    systemDisk.close(fd)
  })

  it('tells files apart, also those with one inode on two devices, or a rounded one', () => {
    fs.writeFileSync(at('one'), 'text')
    fs.copySync(at('one'), at('two'), { preserveTimestamps: true })
    expect(sameFile(statusOf('one'), statusOf('two'))).to.equal(false)
    const status = { ...statusOf('one'), ino: 2n ** 60n, isFile: () => true }
    expect(sameFile(status, { ...status })).to.equal(true)
    expect(sameFile(status, { ...status, dev: status.dev + 1 })).to.equal(false)
    expect(sameFile(status, { ...status, ino: 2n ** 60n + 1n })).to.equal(false)
  })
})
