import { execFile, execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'
import { expect } from 'chai'
import fs from 'fs-extra'
import { FileAppender } from '../../lib/appender/file-appender.js'
import { FaultyDisk } from '../support/faulty-disk.js'
import { hastyLogs } from '../support/hasty-log.js'
import { HastyPlatform } from '../support/hasty-platform.js'
import { backupNames } from '../support/log-directory.js'
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

describe("a log's directory in the hands of others", function () {
  this.timeout(60_000)
  const at = temporaryDirectory()
  const logs = hastyLogs(at)

  const path = (): string => at('logs', 'audit.log')

  /** The files of the log in a directory, oldest first. */
  const filesOf = (name: string): string[] => [
    ...backupNames(at(name, 'audit.log')).map(backup => at(name, backup)),
    at(name, 'audit.log'),
  ]

  /** A rotation may have been under way when the directory was renamed; opening the log ends it. */
  async function finish(name: string): Promise<void> {
    await logs.open({ path: at(name, 'audit.log') }).log.close()
  }

  /** What others do: a line of shell, above the directory of the log, by a process of its own. */
  async function shell(line: string): Promise<void> {
    await run('sh', ['-euc', line], { cwd: at() })
  }

  /** The same, all of it between two turns of the event loop. */
  function shellAtOnce(line: string): void {
    execFileSync('sh', ['-euc', line], { cwd: at() })
  }

  /** What happened when the log was idle. */
  async function reopenAfter(log: FileAppender, line: string): Promise<unknown> {
    await logs.platform.idle()
    const reopen = once(log, 'reopen')
    shellAtOnce(line)
    const [why]: unknown[] = await reopen
    return why
  }

  it('is made anew when it is renamed while the log is written: nothing is lost', async () => {
    const { log } = logs.open()
    const writer = new SteadyWriter(log)
    const files: string[] = []
    for (let i = 1; i <= TIMES; i++) {
      await writer.goesOn()
      await shell(`mv logs logs.${i}`)
      files.push(at(`logs.${i}`, 'audit.log'))
      await writer.goesOn()
    }
    const last = await writer.stop()
    await log.close()
    expectAllIn([...files, path()], last)
  })

  it('may be renamed and made anew by others while the log is written: nothing is lost', async () => {
    const { log } = logs.open()
    const writer = new SteadyWriter(log)
    const files: string[] = []
    for (let i = 1; i <= TIMES; i++) {
      await writer.goesOn()
      shellAtOnce(`mv logs logs.${i}; mkdir logs`)
      files.push(at(`logs.${i}`, 'audit.log'))
      await writer.goesOn()
    }
    const last = await writer.stop()
    await log.close()
    expectAllIn([...files, path()], last)
  })

  it('is made anew when it is renamed with backups in it, and rotation goes on', async () => {
    const { log } = logs.open({ maxSize: '16KiB' })
    const writer = new SteadyWriter(log)
    await writer.goesOn(2000)
    await shell('mv logs old')
    await writer.goesOn(2000)
    const last = await writer.stop()
    await log.settled()
    await finish('old')
    expectAllIn([...filesOf('old'), ...filesOf('logs')], last)
    expect(backupNames(path())).not.to.have.length(0)
  })

  it('may be renamed in the midst of a rotation: whoever opens it there finishes that', async () => {
    const faulty = new FaultyDisk()
    faulty.after('rename', () => {
      faulty.heal()
      fs.renameSync(at('logs'), at('old'))
    })
    logs.platform = new HastyPlatform(faulty.disk)
    const { log } = logs.open()
    await log.append(numbered(1))
    const refused = await log.rotate().catch((error: unknown) => error)
    expect(refused).to.have.property('code', 'ERR_ROLLKEEPER_ROTATE')
    await log.append(numbered(2))
    expect(fs.readdirSync(at('old'))).to.include('.audit.log.rotating')
    await finish('old')
    expectAllIn([...filesOf('old'), ...filesOf('logs')], 2)
  })

  it('is made anew when it is deleted while the log is written; what was in it is missing', async () => {
    const { log } = logs.open()
    const writer = new SteadyWriter(log)
    for (let i = 0; i < TIMES; i++) {
      await writer.goesOn()
      const fd = fs.openSync(path(), 'r')
      try {
        // The log may make its file anew while the directory is being deleted.
        execFileSync('rm', ['-r', 'logs'], { cwd: at() })
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

  const hands: Record<string, { line: string; why: string }> = {
    renamed: { line: 'mv logs old', why: 'renamed' },
    'renamed, and made anew': { line: 'mv logs old; mkdir logs', why: 'renamed' },
    'exchanged for one with another log': {
      line: 'mv logs old; mkdir logs; : > logs/audit.log',
      why: 'replaced',
    },
    deleted: { line: 'rm -r logs', why: 'deleted' },
    'deleted, and made anew': { line: 'rm -r logs; mkdir logs', why: 'deleted' },
  }
  for (const [what, { line, why }] of Object.entries(hands)) {
    it(`is left when it is ${what} while nobody writes`, async () => {
      const { log } = logs.open()
      await log.append(numbered(1))
      expect(await reopenAfter(log, line)).to.equal(why)
      expect(fs.readFileSync(path(), 'utf8'), 'the path is there again').to.equal('')
      await log.append(numbered(2))
      const files = [at('old', 'audit.log'), path()].filter(file => fs.existsSync(file))
      const kept = numbersIn(files.map(file => fs.readFileSync(file, 'utf8')).join(''))
      expect(kept).to.deep.equal(why === 'deleted' ? [2] : [1, 2])
    })
  }

  it('is found again when a directory above it is renamed while nobody writes', async () => {
    const { log } = logs.open({ path: at('a', 'b', 'c', 'audit.log') })
    await log.append(numbered(1))
    expect(await reopenAfter(log, 'mv a moved')).to.equal('renamed')
    await log.append(numbered(2))
    expectAllIn([at('moved', 'b', 'c', 'audit.log'), at('a', 'b', 'c', 'audit.log')], 2)
  })
})
