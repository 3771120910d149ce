import { execFile, execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'
import { expect } from 'chai'
import fs from 'fs-extra'
import { FileAppender } from '../../lib/appender/file-appender.js'
import { hastyLogs } from '../support/hasty-log.js'
import { backupNames } from '../support/log-directory.js'
import { waitFor } from '../support/run-program.js'
import {
  expectAllIn,
  expectRange,
  numbered,
  numbersIn,
  SteadyWriter,
} from '../support/steady-writer.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const run = promisify(execFile)

/** How often each hand comes, while somebody writes: each time at another moment. */
const TIMES = 5

const isRoot = process.getuid?.() === 0

describe('an active file in the hands of others', function () {
  this.timeout(60_000)
  const at = temporaryDirectory()
  const logs = hastyLogs(at)

  const path = (): string => at('logs', 'audit.log')

  /** What others do: a line of shell, in the directory of the log, by a process of its own. */
  async function shell(line: string): Promise<void> {
    await run('sh', ['-euc', line], { cwd: at('logs') })
  }

  /** The same, all of it between two turns of the event loop, so that no record comes between. */
  function shellAtOnce(line: string): void {
    execFileSync('sh', ['-euc', line], { cwd: at('logs') })
  }

  /** What happened when the log was idle. */
  async function reopenAfter(log: FileAppender, line: string): Promise<unknown> {
    await logs.platform.idle()
    const reopen = once(log, 'reopen')
    shellAtOnce(line)
    const [why]: unknown[] = await reopen
    return why
  }

  describe('that still has a name', () => {
    /** Lines of shell after which the file is `audit.log.<number>`; none of it may be missing. */
    const hands: Record<string, { line: string; why: string }> = {
      renamed: { line: 'mv audit.log audit.log.N', why: 'renamed' },
      'renamed, and another made in its place': {
        line: 'mv audit.log audit.log.N; : >> audit.log',
        why: 'replaced',
      },
      'replaced by another, after it got a second name': {
        line: 'ln audit.log audit.log.N; : > other; mv -f other audit.log',
        why: 'replaced',
      },
      'exchanged for another': {
        line: ': > other; mv audit.log audit.log.N; mv other audit.log',
        why: 'replaced',
      },
    }
    for (const [what, { line, why }] of Object.entries(hands)) {
      it(`keeps every record, once and in order, when it is ${what} while it is written`, async () => {
        const { log, reopened, warnings } = logs.open()
        const writer = new SteadyWriter(log)
        const files: string[] = []
        for (let i = 1; i <= TIMES; i++) {
          await writer.goesOn()
          shellAtOnce(line.replace('.N', `.${i}`))
          files.push(at('logs', `audit.log.${i}`))
          await writer.goesOn()
        }
        const last = await writer.stop()
        await log.close()
        expectAllIn([...files, path()], last)
        expect(reopened).to.deep.equal(Array.from({ length: TIMES }, () => why))
        expect(warnings).to.deep.equal([])
      })

      it(`leaves it at once when it is ${what} while nobody writes`, async () => {
        const { log } = logs.open()
        await log.append(numbered(1))
        expect(await reopenAfter(log, line.replace('.N', '.1'))).to.equal(why)
        expect(fs.readFileSync(path(), 'utf8'), 'the path is there again').to.equal('')
        await log.append(numbered(2))
        expectAllIn([at('logs', 'audit.log.1')], 1)
        expectRange(numbersIn(fs.readFileSync(path(), 'utf8')), 2, 2)
        await log.settled()
        expect(openFiles(), 'the descriptor is free').not.to.include(at('logs', 'audit.log.1'))
      })
    }
  })

  it('keeps every record, once and in order, when it is renamed by another process', async () => {
    const { log, warnings } = logs.open()
    const writer = new SteadyWriter(log)
    for (let i = 1; i <= TIMES * 4; i++) {
      await shell(`mv audit.log audit.log.${i}`)
      await writer.goesOn(50)
    }
    const last = await writer.stop()
    const files = Array.from({ length: TIMES * 4 }, (_, i) => at('logs', `audit.log.${i + 1}`))
    expectAllIn([...files, path()], last)
    expect(warnings).to.deep.equal([])
  })

  describe('that has no name any more', () => {
    const hands: Record<string, { line: string; why: string }> = {
      deleted: { line: 'rm audit.log', why: 'deleted' },
      'replaced by another': { line: ': > other; mv -f other audit.log', why: 'replaced' },
    }
    for (const [what, { line, why }] of Object.entries(hands)) {
      it(`misses nothing but what it had in it when it is ${what} while it is written`, async () => {
        const { log } = logs.open()
        const writer = new SteadyWriter(log)
        for (let i = 0; i < TIMES; i++) {
          await writer.goesOn()
          const fd = fs.openSync(path(), 'r')
          try {
            await shell(line)
            const before = writer.acknowledged
            await writer.goesOn()
            const deleted = numbersIn(fs.readFileSync(fd, 'utf8'))
            const [first = NaN] = numbersIn(fs.readFileSync(path(), 'utf8'))
            expect(first, 'all that came after is kept').to.be.at.most(before + 1)
            expect(first, 'nothing is in neither').to.be.at.most((deleted.at(-1) ?? NaN) + 1)
          } finally {
            fs.closeSync(fd)
          }
        }
        const last = await writer.stop()
        await log.close()
        const kept = numbersIn(fs.readFileSync(path(), 'utf8'))
        expectRange(kept, kept[0] ?? NaN, last)
      })

      it(`leaves it at once when it is ${what} while nobody writes`, async () => {
        const { log } = logs.open()
        await log.append(numbered(1))
        expect(await reopenAfter(log, line)).to.equal(why)
        expect(fs.readFileSync(path(), 'utf8'), 'the path is there again').to.equal('')
        await log.settled()
        expect(openFiles(), 'its space is free').not.to.include(`${path()} (deleted)`)
        await log.append(numbered(2))
        expectRange(numbersIn(fs.readFileSync(path(), 'utf8')), 2, 2)
      })
    }
  })

  describe('in whose place something else stands', () => {
    const strangers: Record<string, { make: string; remove: string }> = {
      'a link': { make: 'ln -s ../outside audit.log', remove: 'rm audit.log' },
      'a dangling link': { make: 'ln -s ../nothing audit.log', remove: 'rm audit.log' },
      'a directory': { make: 'mkdir audit.log', remove: 'rmdir audit.log' },
      'a pipe': { make: 'mkfifo audit.log', remove: 'rm audit.log' },
    }
    for (const [what, { make, remove }] of Object.entries(strangers)) {
      it(`goes on in the renamed file, warns of ${what}, and follows when that is gone`, async () => {
        fs.writeFileSync(at('outside'), '')
        const { log, warnings, reopened } = logs.open()
        const writer = new SteadyWriter(log)
        await writer.goesOn()
        shellAtOnce(`mv audit.log audit.log.1; ${make}`)
        await writer.goesOn()
        await waitFor('a warning', () => warnings.length > 0)
        await shell(remove)
        await writer.goesOn()
        await waitFor('a new file', () => reopened.length > 0)
        const last = await writer.stop()
        await log.close()
        expectAllIn([at('logs', 'audit.log.1'), path()], last)
        expect(warnings.map(({ code }) => code)).to.deep.equal(['ERR_ROLLKEEPER_PATH'])
        expect(fs.readFileSync(at('outside'), 'utf8')).to.equal('')
        expect(fs.existsSync(at('nothing'))).to.equal(false)
      })

      it(`waits, as no file takes records, while ${what} stands for a deleted one`, async () => {
        fs.writeFileSync(at('outside'), '')
        const { log, warnings } = logs.open()
        await log.append(numbered(1))
        const fd = fs.openSync(path(), 'r')
        shellAtOnce(`rm audit.log; ${make}`)
        let status = 'waiting'
        const appended = log.append(numbered(2)).then(() => (status = 'acknowledged'))
        await waitFor('a warning', () => warnings.length > 0)
        expect(status).to.equal('waiting')
        await shell(remove)
        await appended
        expectRange(numbersIn(fs.readFileSync(fd, 'utf8')), 1, 1)
        expectRange(numbersIn(fs.readFileSync(path(), 'utf8')), 2, 2)
        expect(fs.readFileSync(at('outside'), 'utf8')).to.equal('')
        expect(fs.existsSync(at('nothing'))).to.equal(false)
        fs.closeSync(fd)
      })

      it(`warns of ${what} while nobody writes, and follows when that is gone`, async () => {
        fs.writeFileSync(at('outside'), '')
        const { log, warnings } = logs.open()
        await log.append(numbered(1))
        await logs.platform.idle()
        shellAtOnce(`mv audit.log audit.log.1; ${make}`)
        await waitFor('a warning', () => warnings.length > 0)
        const reopen = once(log, 'reopen')
        await shell(remove)
        expect(await reopen).to.deep.equal(['renamed'])
        await log.append(numbered(2))
        expectAllIn([at('logs', 'audit.log.1'), path()], 2)
        expect(warnings.map(({ code }) => code)).to.deep.equal(['ERR_ROLLKEEPER_PATH'])
        expect(fs.readFileSync(at('outside'), 'utf8')).to.equal('')
      })
    }
  })

  describe('that is truncated', () => {
    it('leaves no hole and cuts no record while it is written', async () => {
      const { log, reopened } = logs.open()
      const writer = new SteadyWriter(log)
      for (let i = 0; i < TIMES; i++) {
        await writer.goesOn()
        await shell('truncate -s 0 audit.log')
        const before = writer.acknowledged
        await writer.goesOn()
        const [first = NaN] = numbersIn(fs.readFileSync(path(), 'utf8'))
        expect(first, 'all that came after is there').to.be.at.most(before + 1)
      }
      const last = await writer.stop()
      const kept = numbersIn(fs.readFileSync(path(), 'utf8'))
      expectRange(kept, kept[0] ?? NaN, last)
      expect(reopened, 'it is the same file').to.deep.equal([])
      expect(log.stats().activeBytes).to.equal(fs.statSync(path()).size)
    })

    it('counts its size from there', async () => {
      const { log } = logs.open({ maxSize: 100 })
      await log.append(`${'a'.repeat(89)}\n`)
      await shell('truncate -s 0 audit.log')
      await log.append(`${'b'.repeat(89)}\n`)
      expect(backupNames(path())).to.deep.equal([])
      await log.append(`${'c'.repeat(89)}\n`)
      expect(backupNames(path())).to.have.length(1)
      expect(fs.readFileSync(path(), 'utf8')).to.equal(`${'c'.repeat(89)}\n`)
    })

    it('goes on in it when that happens while nobody writes', async () => {
      const { log, reopened } = logs.open()
      await log.append(numbered(1))
      await logs.platform.idle()
      await shell('truncate -s 0 audit.log')
      await waitFor('a look', () => log.stats().activeBytes === 0)
      await log.append(numbered(1))
      expectAllIn([path()], 1)
      expect(reopened).to.deep.equal([])
    })
  })

  describe('whose mode or owner is changed', () => {
    for (const [what, line] of [
      ['mode 000', 'chmod 000 audit.log'],
      ['another mode', 'chmod 640 audit.log'],
    ] as const) {
      it(`goes on, and hands ${what} on to the next file`, async () => {
        const { log, reopened, warnings } = logs.open({ maxSize: '64KiB' })
        const writer = new SteadyWriter(log)
        await writer.goesOn()
        shellAtOnce(line)
        const mode = fs.statSync(path()).mode & 0o777
        const { rotations } = log.stats()
        await waitFor('a rotation', () => log.stats().rotations > rotations + 1)
        const last = await writer.stop()
        await log.settled()
        expect(fs.statSync(path()).mode & 0o777).to.equal(mode)
        shellAtOnce('chmod 600 audit*')
        expectAllIn([...backupNames(path()).map(name => at('logs', name)), path()], last)
        expect({ reopened, warnings }).to.deep.equal({ reopened: [], warnings: [] })
      })
    }

    it('goes on, and hands another owner on to the next file', async function () {
      if (!isRoot) {
        console.log('      skipped: only root gives files away')
        return this.skip()
      }
      const { log, reopened, warnings } = logs.open({ maxSize: '64KiB' })
      const writer = new SteadyWriter(log)
      await writer.goesOn()
      shellAtOnce('chown 65534:65534 audit.log')
      const { rotations } = log.stats()
      await waitFor('a rotation', () => log.stats().rotations > rotations + 1)
      const last = await writer.stop()
      await log.settled()
      expect(fs.statSync(path())).to.include({ uid: 65534, gid: 65534 })
      expectAllIn([...backupNames(path()).map(name => at('logs', name)), path()], last)
      expect({ reopened, warnings }).to.deep.equal({ reopened: [], warnings: [] })
      return undefined
    })

    it('survives that somebody without rights to it any more goes on writing', async function () {
      if (!isRoot) {
        console.log('      skipped: only root becomes somebody else')
        return this.skip()
      }
      fs.chmodSync(at(), 0o755)
      fs.mkdirSync(at('logs'))
      fs.chownSync(at('logs'), 65534, 65534)
      process.seteuid?.(65534)
      let last: number
      try {
        const { log } = logs.open({ maxSize: '64KiB' })
        const writer = new SteadyWriter(log)
        await writer.goesOn()
        await log.flush()
        fs.chmodSync(path(), 0o000)
        const { rotations } = log.stats()
        await waitFor('a rotation', () => log.stats().rotations > rotations + 1)
        last = await writer.stop()
        await log.close()
        expect(() => logs.open())
          .to.throw()
          .with.property('code', 'ERR_ROLLKEEPER_OPEN')
      } finally {
        process.seteuid?.(0)
      }
      expectAllIn([...backupNames(path()).map(name => at('logs', name)), path()], last)
      return undefined
    })

    it('goes on in it when that happens while nobody writes', async () => {
      const { log, reopened, warnings } = logs.open()
      await log.append(numbered(1))
      await logs.platform.idle()
      await shell('chmod 000 audit.log')
      await logs.platform.idle()
      await log.append(numbered(2))
      await shell('chmod 600 audit.log')
      expectAllIn([path()], 2)
      expect({ reopened, warnings }).to.deep.equal({ reopened: [], warnings: [] })
    })
  })

  describe('that cannot be changed for a while', () => {
    it('lets appends wait while it is immutable, and goes on: nothing lost, nothing twice', async function () {
      const { log, warnings } = logs.open({ maxSize: '64KiB' })
      const writer = new SteadyWriter(log)
      await writer.goesOn()
      try {
        shellAtOnce('chattr +i audit.log')
      } catch (error) {
        await writer.stop()
        console.log(`      skipped: chattr +i is refused (${String(error).trim()})`)
        return this.skip()
      }
      try {
        await waitFor('a warning', () => warnings.length > 0)
      } finally {
        shellAtOnce('chattr -i audit*')
      }
      await writer.goesOn()
      const last = await writer.stop()
      await log.settled()
      expectAllIn([...backupNames(path()).map(name => at('logs', name)), path()], last)
      return undefined
    })
  })

  it('touches nothing where `follow` is false', async () => {
    const { log, reopened } = logs.open({ follow: false })
    await log.append(numbered(1))
    await shell('mv audit.log audit.log.1')
    await log.append(numbered(2))
    expectAllIn([at('logs', 'audit.log.1')], 2)
    expect(fs.existsSync(path())).to.equal(false)
    expect(reopened).to.deep.equal([])
  })
})

/** The files that this process has open, where the system tells. */
function openFiles(): string[] {
  if (process.platform !== 'linux') return []
  return fs.readdirSync('/proc/self/fd').flatMap(fd => {
    try {
      return fs.readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      return [] // the one by which the directory was read
    }
  })
}
