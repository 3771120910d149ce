import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { expect } from 'chai'
import fs from 'fs-extra'
import { systemCode, type RollkeeperError } from '../../lib/platform/rollkeeper-error.js'
import { FaultyDisk } from '../support/faulty-disk.js'
import { hastyLogs } from '../support/hasty-log.js'
import { HastyPlatform } from '../support/hasty-platform.js'
import { backupNames } from '../support/log-directory.js'
import { waitFor } from '../support/run-program.js'
import { expectAllIn, numbered, SteadyWriter } from '../support/steady-writer.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

describe('mounts in the hands of others', function () {
  this.timeout(60_000)
  const at = temporaryDirectory()
  const logs = hastyLogs(at, 'in any way')
  const mounted: string[] = []
  const fds: number[] = []

  beforeEach(() => {
    fs.mkdirSync(at('logs'))
  })

  afterEach(() => {
    for (const fd of fds.splice(0)) fs.closeSync(fd)
    for (const target of mounted.splice(0).toReversed()) execFileSync('umount', ['-l', target])
  })

  const path = (): string => at('logs', 'audit.log')

  /** Mounts something, or skips the test where that is not permitted. */
  function mount(test: Mocha.Context, target: string, ...args: string[]): void {
    try {
      execFileSync('mount', [...args, target], { stdio: 'pipe' })
    } catch (error) {
      console.log(`      skipped: mount is refused (${String(error).trim()})`)
      test.skip()
    }
    mounted.push(target)
  }

  function unmount(target: string): void {
    execFileSync('umount', ['-l', target])
    mounted.splice(mounted.indexOf(target), 1)
  }

  const codesOf = (warnings: RollkeeperError[]): unknown[] =>
    warnings.map(({ code, cause }) => [code, systemCode(cause)])

  describe('on the active file', () => {
    for (const [where, other] of [
      ['of the same file system', 'outside.log'],
      ['of another file system', 'tmpfs/outside.log'],
    ] as const) {
      it(`${where}: it goes on past the limit, warns once, and rotates when that is over`, async function () {
        fs.mkdirSync(at('tmpfs'))
        if (other.startsWith('tmpfs')) mount(this, at('tmpfs'), '-t', 'tmpfs', 'none')
        const outside = at(...other.split('/'))
        fs.writeFileSync(outside, '')
        fs.writeFileSync(path(), '')
        mount(this, path(), '--bind', outside)
        const { log, warnings } = logs.open({ maxSize: '16KiB' })
        const writer = new SteadyWriter(log)
        await waitFor('twice the limit', () => log.stats().activeBytes > 2 * 16 * 1024)
        await waitFor('a warning', () => warnings.length > 0)
        const { mtimeMs } = fs.statSync(at('logs'))
        await writer.goesOn(500)
        expect(codesOf(warnings)).to.deep.equal([['ERR_ROLLKEEPER_ROTATE', 'EBUSY']])
        expect(backupNames(path())).to.deep.equal([])
        expect(fs.statSync(at('logs')).mtimeMs, 'nothing is left behind').to.equal(mtimeMs)
        unmount(path()) // what was below it is the active file now
        const { rotations } = log.stats()
        await waitFor('a rotation', () => log.stats().rotations > rotations)
        const last = await writer.stop()
        await log.settled()
        expectAllIn([outside, ...backupNames(path()).map(name => at('logs', name)), path()], last)
      })
    }

    it('whose source is deleted: each record is written once, into what is still at the path', async function () {
      fs.writeFileSync(at('outside.log'), '')
      fs.writeFileSync(path(), '')
      mount(this, path(), '--bind', at('outside.log'))
      const { log, warnings } = logs.open()
      await log.append(numbered(1))
      fs.unlinkSync(at('outside.log'))
      await log.append(numbered(2))
      expect(fs.statSync(path()).nlink).to.equal(0)
      expect(fs.readFileSync(path(), 'utf8')).to.equal(numbered(1) + numbered(2))
      expect(warnings).to.deep.equal([])
    })

    it('that comes while nobody writes is found, and so is its end', async function () {
      const { log } = logs.open()
      await log.append(numbered(1))
      fs.writeFileSync(at('outside.log'), '')
      await logs.platform.idle()
      const covered = once(log, 'reopen')
      mount(this, path(), '--bind', at('outside.log'))
      expect(await covered).to.deep.equal(['replaced'])
      await log.append(numbered(2))
      await logs.platform.idle()
      const uncovered = once(log, 'reopen')
      unmount(path())
      expect(await uncovered).to.deep.equal(['replaced'])
      await log.append(numbered(3))
      expect(fs.readFileSync(path(), 'utf8')).to.equal(numbered(1) + numbered(3))
      expect(fs.readFileSync(at('outside.log'), 'utf8')).to.equal(numbered(2))
    })
  })

  describe('that are read-only', () => {
    it('over the directory: it goes on past the limit, warns once, and rotates when that is over', async function () {
      const { log, warnings } = logs.open({ maxSize: '16KiB' })
      mount(this, at('logs'), '--bind', '-o', 'ro', at('logs'))
      const writer = new SteadyWriter(log)
      await waitFor('twice the limit', () => log.stats().activeBytes > 2 * 16 * 1024)
      await writer.goesOn()
      expect(codesOf(warnings)).to.deep.equal([['ERR_ROLLKEEPER_ROTATE', 'EROFS']])
      unmount(at('logs'))
      const { rotations } = log.stats()
      await waitFor('a rotation', () => log.stats().rotations > rotations)
      const last = await writer.stop()
      await log.settled()
      expectAllIn([...backupNames(path()).map(name => at('logs', name)), path()], last)
    })

    it('over the directory while the active file is deleted: appends wait, and go on', async function () {
      const { log, warnings } = logs.open()
      await log.append(numbered(1))
      const fd = fs.openSync(path(), 'r')
      fds.push(fd)
      fs.unlinkSync(path())
      mount(this, at('logs'), '--bind', '-o', 'ro', at('logs'))
      let status = 'waiting'
      const appended = log.append(numbered(2)).then(() => (status = 'acknowledged'))
      await waitFor('a warning', () => warnings.length > 0)
      expect(status).to.equal('waiting')
      unmount(at('logs'))
      await appended
      expect(fs.readFileSync(path(), 'utf8')).to.equal(numbered(2))
      expect(fs.readFileSync(fd, 'utf8')).to.equal(numbered(1))
    })

    it('cannot be made so while the log is open: the kernel refuses, and the log goes on', async function () {
      mount(this, at('logs'), '-t', 'tmpfs', '-o', 'mode=700', 'none')
      const { log, warnings } = logs.open()
      const writer = new SteadyWriter(log)
      await writer.goesOn()
      const remount = (how: string): void => {
        execFileSync('mount', ['-o', `remount,${how}`, at('logs')], { stdio: 'pipe' })
      }
      expect(() => remount('ro')).to.throw(/busy/)
      await writer.goesOn()
      const last = await writer.stop()
      await log.close()
      expectAllIn([path()], last)
      expect(warnings).to.deep.equal([])

      remount('ro')
      expect(() => logs.open())
        .to.throw()
        .with.property('code', 'ERR_ROLLKEEPER_OPEN')
      remount('rw')
      const again = logs.open().log
      await again.append(numbered(last + 1))
      expectAllIn([path()], last + 1)
    })

    it('and become so by force, as after an error of the disk: appends wait, and go on: nothing lost, nothing twice', async () => {
      const disk = new FaultyDisk()
      logs.platform = new HastyPlatform(disk.disk)
      const { log, warnings } = logs.open({ maxSize: '64KiB' })
      const writer = new SteadyWriter(log)
      await writer.goesOn()
      for (const call of ['write', 'create', 'rename', 'link', 'unlink'] as const) {
        disk.fail(call, 'EROFS')
      }
      await waitFor('a warning', () => warnings.length > 0)
      const { acknowledged } = writer
      const writes = (): number => disk.calls.filter(call => call === 'write').length
      const before = writes()
      await waitFor('some tries', () => writes() > before + 2)
      expect(writer.acknowledged).to.equal(acknowledged)
      disk.heal()
      await writer.goesOn()
      const last = await writer.stop()
      await log.settled()
      expectAllIn([...backupNames(path()).map(name => at('logs', name)), path()], last)
    })

    it('and become so by force for good: close says what is lost, and what was acknowledged stays', async function () {
      const image = at('image')
      try {
        execFileSync('truncate', ['-s', '16M', image])
        execFileSync('mkfs.ext4', ['-q', image], { stdio: 'pipe' })
      } catch (error) {
        console.log(`      skipped: no file system can be made (${String(error).trim()})`)
        return this.skip()
      }
      mount(this, at('logs'), '-o', 'loop,errors=remount-ro', image)
      const { log, warnings } = logs.open()
      const writer = new SteadyWriter(log)
      await writer.goesOn()
      const device = execFileSync('findmnt', ['-no', 'SOURCE', at('logs')], { encoding: 'utf8' })
      const trigger = `/sys/fs/ext4/${device.trim().replace('/dev/', '')}/trigger_fs_error`
      try {
        fs.writeFileSync(trigger, 'an error\n')
      } catch (error) {
        await writer.stop()
        console.log(`      skipped: the file system cannot be made to fail (${String(error)})`)
        return this.skip()
      }
      await waitFor('a warning', () => warnings.length > 0)
      const { acknowledged } = writer
      const gap = once(log, 'gap')
      const stopped = writer.stop().catch((error: RollkeeperError) => error.code)
      const closed = await log.close().catch((error: RollkeeperError) => error.code)
      expect(closed).to.equal('ERR_ROLLKEEPER_WRITE')
      expect(await stopped).to.equal('ERR_ROLLKEEPER_WRITE')
      await gap
      expectAllIn([path()], acknowledged)
      return undefined
    })
  })
})
