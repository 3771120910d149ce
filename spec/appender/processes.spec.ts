import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import fs from 'fs-extra'
import { FileAppender } from '../../lib/appender/file-appender.js'
import type { FileAppenderOptions } from '../../lib/appender/options.js'
import { systemClock } from '../../lib/platform/clock.js'
import { systemDisk, type Disk } from '../../lib/platform/disk.js'
import type { RollkeeperError } from '../../lib/platform/rollkeeper-error.js'
import { FaultyDisk } from '../support/faulty-disk.js'
import { expectSoundDirectory, readLog } from '../support/log-directory.js'
import {
  ROLLKEEPER,
  runProgram,
  startProgram,
  waitFor,
  type Running,
} from '../support/run-program.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const OPENER = fileURLToPath(new URL('opener.ts', import.meta.url))

describe('processes: one', function () {
  this.timeout(60_000)
  const at = temporaryDirectory()
  let logs: FileAppender[]
  let children: Running[]

  function open(options: Partial<FileAppenderOptions> = {}, disk = systemDisk): FileAppender {
    const log = new FileAppender(
      { path: at('audit.log'), ...options },
      { disk, clock: systemClock },
    )
    logs.push(log)
    return log
  }

  /** The error that opening throws. */
  function refusal(options: Partial<FileAppenderOptions> = {}): RollkeeperError {
    try {
      open(options)
    } catch (error) {
      return error as RollkeeperError
    }
    throw new Error('it was opened')
  }

  /** Starts a program that opens the log; resolved when it has. */
  async function openElsewhere(ending = 'close'): Promise<Running> {
    const running = startProgram([
      process.execPath,
      '--import',
      'tsx',
      OPENER,
      at('audit.log'),
      ending,
    ])
    children.push(running)
    await waitFor('the other process', () => running.said().stdout.includes('\n'))
    expect(running.said().stdout).to.equal('open\n')
    return running
  }

  const names = (): string[] => fs.readdirSync(at()).sort()

  beforeEach(() => {
    logs = []
    children = []
  })

  afterEach(async () => {
    await Promise.all(logs.map(log => log.close().catch(() => undefined)))
    for (const { child } of children) child.kill('SIGKILL')
    await Promise.all(children.map(({ ended }) => ended))
  })

  it('refuses a second appender of this process, until the first is closed', async () => {
    const log = open()
    const error = refusal()
    expect(error).to.include({ code: 'ERR_ROLLKEEPER_LOCKED', path: at('audit.log') })
    expect(error.message).to.match(/another appender of this process has had it open since \d{4}-/)
    await log.append('one\n')
    await log.close()
    await open().append('two\n')
    expect(readLog(at('audit.log'))).to.equal('one\ntwo\n')
  })

  it('refuses what another process has open, says who that is, and touches nothing', async () => {
    const { child } = await openElsewhere()
    fs.appendFileSync(at('audit.log'), 'a torn ta')
    const error = refusal({ processes: 'one' })
    expect(error).to.include({ code: 'ERR_ROLLKEEPER_LOCKED', path: at('audit.log') })
    const who = `cannot open ${at('audit.log')}: it is in use by process ${child.pid} (opener.ts) on `
    expect(error.message).to.include(who)
    expect(readLog(at('audit.log'))).to.equal(`from ${child.pid}\na torn ta`)
  })

  it('takes over at once from a process that was killed', async () => {
    const { child, ended } = await openElsewhere()
    child.kill('SIGKILL')
    await ended
    expect(names()).to.deep.equal(['.audit.log.lock', 'audit.log'])
    const log = open()
    await log.append('from here\n')
    await log.close()
    expect(readLog(at('audit.log'))).to.equal(`from ${child.pid}\nfrom here\n`)
    expectSoundDirectory(at('audit.log'))
  })

  it('does not take over from a process that was stopped', async () => {
    const { child } = await openElsewhere()
    child.kill('SIGSTOP')
    expect(refusal().code).to.equal('ERR_ROLLKEEPER_LOCKED')
    child.kill('SIGCONT')
  })

  for (const ending of ['close', 'exit', 'throw']) {
    it(`leaves no lock behind when a process ends by ${ending}`, async () => {
      const { child, ended } = await openElsewhere(ending)
      child.stdin?.end()
      await ended
      expect(names()).to.deep.equal(['audit.log'])
      open()
    })
  }

  it('is given back also when close is rejected', async () => {
    const faulty = new FaultyDisk()
    const log = open({}, faulty.disk)
    faulty.fail('write', 'EIO')
    log.write('lost\n')
    const error = await log.close().catch((caught: unknown) => caught)
    expect(error).to.have.property('code', 'ERR_ROLLKEEPER_WRITE')
    expect(names()).to.deep.equal(['audit.log'])
    await open().append('kept\n')
  })

  it('is given back before anybody hears that the log is closed', async () => {
    const log = open()
    const reopened = new Promise<void>(resolve => {
      log.on('close', () => {
        open()
        resolve()
      })
    })
    await log.close()
    await reopened
  })

  it('is kept until the last of the work behind is done', async () => {
    const log = open({ maxBackups: 1, compress: 'gzip' })
    await log.append('one\n')
    await log.rotate()
    const closed = log.close()
    expect(refusal().code).to.equal('ERR_ROLLKEEPER_LOCKED')
    await closed
    expectSoundDirectory(at('audit.log'))
    open()
  })

  it('is not left behind, nor a directory, where the log cannot be opened', () => {
    const faulty = new FaultyDisk()
    faulty.fail('create', 'EMFILE')
    const path = at('new', 'logs', 'audit.log')
    const openLock: Disk['openLock'] = (...args) => systemDisk.openLock(...args)
    const openThere = () => open({ path }, { ...faulty.disk, openLock })
    expect(openThere).to.throw().with.property('code', 'ERR_ROLLKEEPER_OPEN')
    expect(names()).to.deep.equal([])
  })

  it('lets two logs of one directory be', async () => {
    const other = open({ path: at('other.log') })
    await Promise.all([open().append('one\n'), other.append('two\n')])
    expect(refusal({ path: at('other.log') }).code).to.equal('ERR_ROLLKEEPER_LOCKED')
  })

  it('syncs the directories that it made on the way', async () => {
    const synced: string[] = []
    const disk = {
      ...systemDisk,
      syncDirectory: (directory: string) => {
        synced.push(directory)
        return systemDisk.syncDirectory(directory)
      },
    }
    await open({ path: at('new', 'logs', 'audit.log'), durability: 'sync' }, disk).append('one\n')
    expect(synced).to.include.members([at(), at('new'), at('new', 'logs')])
  })

  it('is taken anew when the directory was deleted', async () => {
    fs.mkdirSync(at('logs'))
    const path = at('logs', 'audit.log')
    const log = open({ path })
    fs.removeSync(at('logs'))
    await log.append('one\n')
    expect(fs.readdirSync(at('logs')).sort()).to.deep.equal(['.audit.log.lock', 'audit.log'])
    expect(refusal({ path }).code).to.equal('ERR_ROLLKEEPER_LOCKED')
  })

  it('is taken anew at a rotation when its file was deleted', async () => {
    const log = open()
    await log.append('one\n')
    fs.unlinkSync(at('.audit.log.lock'))
    await log.rotate()
    await log.settled()
    expect(refusal().code).to.equal('ERR_ROLLKEEPER_LOCKED')
  })

  it('warns of a second appender that a deleted lock let in, and loses no record of either', async () => {
    const first = open()
    const warnings: string[] = []
    first.on('warning', ({ code, message }) => warnings.push(`${code} ${message}`))
    await first.append('one\n')
    fs.unlinkSync(at('.audit.log.lock'))
    const second = open()
    await second.append('two\n')
    await second.rotate()
    await first.append('three\n')
    await first.settled()
    await new Promise(setImmediate)
    expect(warnings).to.have.length(1)
    expect(warnings[0]).to.match(/^ERR_ROLLKEEPER_LOCKED .*another appender/)
    expect(readLog(at('audit.log'))).to.equal('one\ntwo\nthree\n')
  })

  describe('on the command line', () => {
    it('keeps write from a log in use, and says so', async () => {
      const log = open()
      const write = () => runProgram([...ROLLKEEPER, 'write', `--path=${at('audit.log')}`], 'x\n')
      const refused = await write()
      expect(refused.code).to.equal(1)
      expect(refused.stdout).to.equal('')
      expect(refused.stderr).to.match(/^rollkeeper: .*it is in use by process \d+ /)
      expect(refused.stderr).to.include(`process ${process.pid} (`)
      await log.close()
      expect((await write()).code).to.equal(0)
      expect(names()).to.deep.equal(['audit.log'])
    })

    it('lets ls, prune, hold and release work beside it, and shows no lock', async () => {
      const log = open()
      await log.append('one\n')
      const backup = await log.rotate()
      const run = (...args: string[]) => runProgram([...ROLLKEEPER, ...args])
      const listed = await run('ls', '--json', at('audit.log'))
      expect(listed.code).to.equal(0)
      expect(listed.stdout).not.to.include('lock')
      expect((await run('hold', backup!.path, 'a lawsuit')).code).to.equal(0)
      expect((await run('release', backup!.path)).code).to.equal(0)
      const pruned = await run('prune', '--max-age=1ms', at('audit.log'))
      expect(pruned).to.include({ code: 0 })
      expect(await log.backups()).to.deep.equal([])
      await log.append('two\n')
    })
  })
})
