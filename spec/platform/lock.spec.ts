import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { expect } from 'chai'
import fs from 'fs-extra'
import type { Disk } from '../../lib/platform/disk.js'
import { PathLock } from '../../lib/platform/lock.js'
import { formatHolder, parseHolders, thisHolder } from '../../lib/platform/lock-holder.js'
import { RollkeeperError } from '../../lib/platform/rollkeeper-error.js'
import { compileProgram } from '../crash/compiled-program.js'
import { FaultyDisk, systemError } from '../support/faulty-disk.js'
import { LOCK_WAYS, lockingBy, missingWay } from '../support/lock-ways.js'
import { ManualClock } from '../support/manual-clock.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const CONTENDER = fileURLToPath(new URL('contender.ts', import.meta.url))
const MAKING = { file: { mode: 0o600 }, directoryMode: 0o700 }
const RACERS = 20
const RACES = 5
const STRUGGLERS = 6

/** A program that takes and releases a lock as it is told. */
class Contender {
  readonly child: ChildProcess
  readonly #lines: AsyncIterator<string>

  constructor(command: readonly string[], path: string, way: string) {
    const [node = '', ...args] = command
    this.child = spawn(node, [...args, path, way], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#lines = createInterface(this.child.stdout!)[Symbol.asyncIterator]()
  }

  tell(order: string): void {
    this.child.stdin?.write(`${order}\n`)
  }

  async answer(): Promise<string> {
    const { value } = await this.#lines.next()
    return String(value)
  }

  async ask(order: string): Promise<string> {
    this.tell(order)
    return this.answer()
  }

  /** Resolved: the process has ended. */
  async end(signal: NodeJS.Signals): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const ended = once(this.child, 'exit')
    this.child.kill(signal)
    await ended
  }
}

describe('PathLock', () => {
  const at = temporaryDirectory()
  const clock = new ManualClock()
  let locks: PathLock[]
  let warnings: RollkeeperError[]

  function take(disk: Disk, path = at('audit.log')): PathLock {
    const lock = PathLock.take({ disk, clock }, path, MAKING, error => warnings.push(error))
    locks.push(lock)
    return lock
  }

  /** The error that taking it throws. */
  function refusal(disk: Disk, path?: string): RollkeeperError {
    try {
      take(disk, path)
    } catch (error) {
      expect(error).to.be.instanceOf(RollkeeperError)
      return error as RollkeeperError
    }
    throw new Error('it was taken')
  }

  const names = (directory = at()): string[] => fs.readdirSync(directory).sort()
  const countDescriptors = (): number => fs.readdirSync('/proc/self/fd').length
  const readLock = (): string => fs.readFileSync(at('.audit.log.lock'), 'utf8')

  beforeEach(() => {
    locks = []
    warnings = []
  })

  afterEach(() => {
    for (const lock of locks) lock.release()
  })

  for (const way of LOCK_WAYS) {
    describe(`by ${way}`, () => {
      let disk: Disk

      before(function () {
        const missing = missingWay(way)
        disk = lockingBy(way)
        if (missing === undefined) return
        console.log(`      skipped: ${missing}`)
        this.skip()
      })

      it('is had by one at a time, also in one process', () => {
        const lock = take(disk)
        for (let again = 0; again < 3; again++) {
          const error = refusal(disk)
          expect(error).to.include({ code: 'ERR_ROLLKEEPER_LOCKED', path: at('audit.log') })
          const open = `cannot open ${at('audit.log')}: another appender of this process has had it open`
          expect(error.message).to.include(`${open} since 2016-09-07T13:03:57.400Z`)
        }
        lock.release()
        take(disk)
      })

      it('is held until its file is gone: nobody loses a file that is theirs already', () => {
        let refused = 0
        const unlink: Disk['unlink'] = path => {
          expect(refusal(disk).code).to.equal('ERR_ROLLKEEPER_LOCKED')
          refused++
          disk.unlink(path)
        }
        take({ ...disk, unlink }).release()
        expect(refused).to.equal(1)
        take(disk)
      })

      it('leaves nothing when it is released, however often', () => {
        for (let again = 0; again < 3; again++) {
          const lock = take(disk)
          expect(names()).to.deep.equal(['.audit.log.lock'])
          lock.release()
          lock.release()
          expect(names()).to.deep.equal([])
        }
        expect(warnings).to.deep.equal([])
      })

      it('is another one for each log of a directory', () => {
        take(disk, at('audit.log'))
        take(disk, at('audit'))
        take(disk, at('audit.log.lock'))
        expect(names()).to.have.length(3)
      })

      it('is the same one by whatever path the directory is reached', () => {
        fs.mkdirSync(at('logs'))
        fs.symlinkSync('logs', at('link'))
        const lock = take(disk, at('logs', 'audit.log'))
        expect(refusal(disk, at('link', 'audit.log')).code).to.equal('ERR_ROLLKEEPER_LOCKED')
        lock.release()
        take(disk, at('link', 'audit.log'))
        expect(refusal(disk, at('logs', 'audit.log')).code).to.equal('ERR_ROLLKEEPER_LOCKED')
      })

      it('says in its file who has it', () => {
        take(disk)
        const [holder, ...others] = parseHolders(readLock())
        expect(others).to.deep.equal([])
        expect(holder).to.include({ pid: process.pid, host: hostname() })
        expect(readLock()).to.match(/^pid=\d+ host="[^\n]*\n$/)
      })

      it('is for those who may write the log to read and write, and for its owner', () => {
        const modeOf = () => fs.lstatSync(at('.audit.log.lock')).mode & 0o7777
        take(disk).release()
        for (const [logMode, lockMode] of [
          [0o640, 0o600],
          [0o620, 0o660],
          [0o666, 0o666],
          [0o444, 0o600],
        ] as const) {
          fs.writeFileSync(at('audit.log'), '')
          fs.chmodSync(at('audit.log'), logMode)
          const lock = take(disk)
          expect(modeOf()).to.equal(lockMode)
          lock.release()
        }
        fs.unlinkSync(at('audit.log'))
        take(disk)
        expect(modeOf()).to.equal(0o600)
      })

      it('is free where its file was left, whatever is in it', () => {
        const dead = { ...thisHolder({ disk, clock }, 'text'), pid: spawnSync('true').pid }
        for (const text of ['', 'nonsense', '\0'.repeat(512), formatHolder(dead)]) {
          fs.writeFileSync(at('.audit.log.lock'), text)
          const lock = take(disk)
          expect(parseHolders(readLock()).at(-1)).to.include({ pid: process.pid })
          if (way !== 'text') expect(readLock()).to.match(/^pid=[^\n]*\n$/)
          lock.release()
          expect(names()).to.deep.equal([])
        }
      })

      it('goes to the next file where somebody took away the one that it opened', () => {
        let left = 3
        const openLock: Disk['openLock'] = (path, permissions) => {
          const fd = disk.openLock(path, permissions)
          if (left-- > 0) fs.unlinkSync(path)
          return fd
        }
        const lock = take({ ...disk, openLock })
        expect(left).to.equal(-1)
        expect(refusal(disk).code).to.equal('ERR_ROLLKEEPER_LOCKED')
        lock.release()
        expect(names()).to.deep.equal([])
      })

      it('gives up where somebody takes its file away all the time', () => {
        const openLock: Disk['openLock'] = (path, permissions) => {
          const fd = disk.openLock(path, permissions)
          fs.unlinkSync(path)
          return fd
        }
        expect(refusal({ ...disk, openLock })).to.include({ code: 'ERR_ROLLKEEPER_OPEN' })
        expect(names()).to.deep.equal([])
      })

      it('is taken anew when its file was deleted, or its directory', () => {
        const lock = take(disk)
        const before = countDescriptors()
        fs.unlinkSync(at('.audit.log.lock'))
        lock.renew()
        expect(countDescriptors()).to.equal(before)
        expect(refusal(disk).code).to.equal('ERR_ROLLKEEPER_LOCKED')
        lock.release()

        const path = at('logs', 'audit.log')
        const other = take(disk, path)
        fs.removeSync(at('logs'))
        fs.mkdirSync(at('logs'))
        other.renew()
        expect(refusal(disk, path).code).to.equal('ERR_ROLLKEEPER_LOCKED')
        other.release()
        expect(names(at('logs'))).to.deep.equal([])
        expect(warnings).to.deep.equal([])
      })

      it('warns, once, when somebody else has it by then, and leaves them their file', () => {
        const lock = take(disk)
        fs.unlinkSync(at('.audit.log.lock'))
        const second = take(disk) // nothing can tell it that the file was not just left
        lock.renew()
        lock.renew()
        expect(warnings.map(({ code }) => code)).to.deep.equal(['ERR_ROLLKEEPER_LOCKED'])
        expect(warnings[0]?.message).to.include('another appender of this process')
        lock.release()
        expect(names()).to.deep.equal(['.audit.log.lock'])
        expect(refusal(disk).code).to.equal('ERR_ROLLKEEPER_LOCKED')
        second.release()
        expect(names()).to.deep.equal([])
      })

      it('is not renewed without need', () => {
        const lock = take(disk)
        const before = fs.lstatSync(at('.audit.log.lock')).ino
        lock.renew()
        expect(fs.lstatSync(at('.audit.log.lock')).ino).to.equal(before)
      })

      it('leaves nothing behind when what it guards cannot be done', () => {
        const path = at('some', 'new', 'directory', 'audit.log')
        const lock = take(disk, path)
        expect(lock.changedDirectories).to.deep.equal([at(), at('some'), at('some', 'new')])
        const boom = new Error('boom')
        const guarded = () =>
          lock.guard(() => {
            throw boom
          })
        expect(guarded).to.throw(boom)
        expect(names()).to.deep.equal([])
      })

      it('holds no descriptor any more when it was refused', () => {
        const lock = take(disk)
        const before = countDescriptors()
        for (let again = 0; again < 5; again++) refusal(disk)
        expect(countDescriptors()).to.equal(before)
        lock.release()
        expect(countDescriptors()).to.equal(before - 1)
      })
    })
  }

  describe('by text', () => {
    const disk = lockingBy('text')

    it('is had by nobody who came second, whoever goes first', () => {
      const first = take(disk)
      const text = readLock()
      refusal(disk)
      expect(readLock(), 'nothing piles up').to.equal(text)
      first.release()
    })

    it('takes its own line back where another one came first after all', () => {
      const other = formatHolder({
        ...thisHolder({ disk, clock }, 'text'),
        pid: process.ppid,
        start: undefined,
      })
      let left = 1
      const write: Disk['write'] = (fd, bytes, offset, length) => {
        if (left-- > 0) fs.writeSync(fd, other)
        return disk.write(fd, bytes, offset, length)
      }
      expect(refusal({ ...disk, write }).message).to.include(`process ${process.ppid}`)
      expect(parseHolders(readLock()).map(formatHolder)).to.deep.equal([other])
    })

    it('clears the lines of the dead away when they get many', () => {
      const dead = { ...thisHolder({ disk, clock }, 'text'), pid: spawnSync('true').pid }
      fs.writeFileSync(at('.audit.log.lock'), formatHolder(dead).repeat(200))
      const lock = take(disk)
      expect(readLock().length).to.be.below(1000)
      lock.release()
      expect(names()).to.deep.equal([])
    })

    it('does without, and warns, where there is no room for the text', () => {
      const faulty = new FaultyDisk(disk)
      faulty.fail('write', 'ENOSPC')
      const lock = take(faulty.disk)
      expect(warnings.map(({ code }) => code)).to.deep.equal(['ERR_ROLLKEEPER_LOCKED'])
      expect(warnings[0]?.message).to.include('ENOSPC')
      lock.release()
      expect(names()).to.deep.equal([])
    })

    it('is free for its own process after it was given back, also where no word of that was taken', () => {
      const faulty = new FaultyDisk(disk)
      const lock = take(faulty.disk)
      for (const call of ['write', 'unlink'] as const) faulty.fail(call, 'EIO')
      lock.release()
      expect(names()).to.deep.equal(['.audit.log.lock'])
      take(disk).release()
      expect(names()).to.deep.equal([])
    })

    it('is respected by who could lock by the kernel', () => {
      const lock = take(disk)
      const error = refusal(lockingBy('command'))
      expect(error.message).to.include('another appender of this process')
      lock.release()
      take(lockingBy('command'))
      expect(refusal(disk).code).to.equal('ERR_ROLLKEEPER_LOCKED')
    })

    it('counts for taken where its holder is on another host, and says what to do', () => {
      const far = { ...thisHolder({ disk, clock }, 'text'), host: 'far-away' }
      fs.writeFileSync(at('.audit.log.lock'), formatHolder(far))
      expect(refusal(disk).message).to.include(
        `on far-away since 2016-09-07T13:03:57.400Z; end that one first, or give this one a path of its own. If that process is gone, delete ${at('.audit.log.lock')}`,
      )
    })
  })

  describe('by the kernel', () => {
    const disk = lockingBy('command')

    it('names nobody where the text names nobody who lives', () => {
      take(disk)
      const dead = { ...thisHolder({ disk, clock }, 'flock'), pid: spawnSync('true').pid }
      for (const text of ['', 'nonsense\n', formatHolder(dead)]) {
        fs.writeFileSync(at('.audit.log.lock'), text)
        expect(refusal(disk).message).to.include('it is in use by another process; end that one')
      }
    })

    it('needs no text', () => {
      const faulty = new FaultyDisk(disk)
      for (const call of ['read', 'write', 'truncate', 'openToRead'] as const) {
        faulty.heal()
        faulty.fail(call, 'EIO')
        const lock = take(faulty.disk)
        expect(refusal(disk).code).to.equal('ERR_ROLLKEEPER_LOCKED')
        lock.release()
        expect(names()).to.deep.equal([])
      }
      expect(warnings).to.deep.equal([])
    })
  })

  describe('where it cannot be', () => {
    const disk = lockingBy('command')

    it('refuses whatever else stands in its place, and touches nothing', () => {
      const place = at('.audit.log.lock')
      fs.writeFileSync(at('victim'), 'precious\n')
      const plants: Record<string, () => void> = {
        link: () => fs.symlinkSync(at('victim'), place),
        'dangling link': () => fs.symlinkSync(at('nowhere'), place),
        directory: () => fs.mkdirSync(place),
        pipe: () => execFileSync('mkfifo', [place]),
        'file that is no lock': () => fs.writeFileSync(place, 'x'.repeat(70_000)),
      }
      for (const [what, plant] of Object.entries(plants)) {
        plant()
        const before = fs.lstatSync(place)
        const faulty = new FaultyDisk(disk)
        const error = refusal(faulty.disk)
        if (!before.isFile()) expect(faulty.calls, what).not.to.include('openLock')
        expect(error.code, what).to.equal('ERR_ROLLKEEPER_PATH')
        expect(error.message, what).to.include(place)
        expect(fs.lstatSync(place).ino, what).to.equal(before.ino)
        expect(fs.readFileSync(at('victim'), 'utf8'), what).to.equal('precious\n')
        fs.removeSync(place)
        expect(names(), what).to.deep.equal(['victim'])
      }
    })

    it('follows no link that was planted in the last moment', () => {
      fs.writeFileSync(at('victim'), 'precious\n')
      const openLock: Disk['openLock'] = (path, permissions) => {
        fs.symlinkSync(at('victim'), path)
        return disk.openLock(path, permissions)
      }
      expect(refusal({ ...disk, openLock }).code).to.equal('ERR_ROLLKEEPER_PATH')
      expect(fs.readFileSync(at('victim'), 'utf8')).to.equal('precious\n')
    })

    it('refuses a log that is no file, before anything is made', () => {
      fs.mkdirSync(at('audit.log'))
      expect(refusal(disk).code).to.equal('ERR_ROLLKEEPER_PATH')
      expect(names()).to.deep.equal(['audit.log'])
    })

    it('says why the system refuses, and leaves no directory', () => {
      for (const call of ['openLock', 'fstat', 'lock'] as const) {
        const faulty = new FaultyDisk(disk)
        faulty.fail(call, 'EACCES')
        const error = refusal(faulty.disk, at('new', 'logs', 'audit.log'))
        expect(error).to.include({ code: 'ERR_ROLLKEEPER_OPEN' })
        expect(error.message).to.include('EACCES')
        fs.removeSync(at('new', 'logs', '.audit.log.lock'))
      }
      const faulty = new FaultyDisk(disk)
      faulty.before('openLock', () => {
        throw systemError('EROFS')
      })
      fs.removeSync(at('new'))
      refusal(faulty.disk, at('new', 'logs', 'audit.log'))
      expect(names()).to.deep.equal([])
    })
  })

  it('closes a file that it cannot use once, also where that fails', () => {
    const disk = lockingBy('command')
    const opened: number[] = []
    const closed: number[] = []
    const openLock: Disk['openLock'] = (path, permissions) => {
      const fd = disk.openLock(path, permissions)
      opened.push(fd)
      fs.rmSync(path) // somebody takes it away
      return fd
    }
    const close = (fd: number): void => {
      if (opened.includes(fd)) closed.push(fd)
      disk.close(fd)
      if (opened.includes(fd)) throw systemError('EIO')
    }
    refusal({ ...disk, openLock, close })
    expect(opened).to.have.length.greaterThan(0)
    expect(closed).to.deep.equal(opened)
  })

  describe('whose file was copied by a link', () => {
    it('is had all the same where nobody else may write, and the copy stays', () => {
      fs.writeFileSync(at('.audit.log.lock'), '')
      fs.linkSync(at('.audit.log.lock'), at('snapshot'))
      for (const way of ['command', 'text'] as const) take(lockingBy(way)).release()
      expect(names()).to.deep.equal(['snapshot'])
      expect(fs.readFileSync(at('snapshot'), 'utf8')).to.equal('')
    })

    it('is refused where others may write', () => {
      fs.chmodSync(at(), 0o777)
      fs.writeFileSync(at('.audit.log.lock'), '')
      fs.linkSync(at('.audit.log.lock'), at('snapshot'))
      expect(refusal(lockingBy('command')).code).to.equal('ERR_ROLLKEEPER_PATH')
    })
  })

  describe('in a directory in which no file can be made', () => {
    /** As on a file system that is mounted to be read, but for the log's own file. */
    const unwritable = (code: string): Disk => {
      const faulty = new FaultyDisk(lockingBy('command'))
      faulty.fail('openLock', code)
      return faulty.disk
    }

    for (const code of ['EROFS', 'EACCES', 'EPERM']) {
      it(`locks the log's own file, and leaves it: ${code}`, () => {
        fs.writeFileSync(at('audit.log'), 'one\n')
        const lock = take(unwritable(code))
        const error = refusal(unwritable(code))
        expect(error).to.include({ code: 'ERR_ROLLKEEPER_LOCKED', path: at('audit.log') })
        lock.renew()
        expect(warnings).to.deep.equal([])
        lock.release()
        take(unwritable(code))
        expect(names()).to.deep.equal(['audit.log'])
        expect(fs.readFileSync(at('audit.log'), 'utf8')).to.equal('one\n')
      })
    }

    it('is refused where somebody else has made the lock, who alone may open it', () => {
      fs.writeFileSync(at('audit.log'), 'one\n')
      fs.writeFileSync(at('.audit.log.lock'), '', { mode: 0o600 })
      const error = refusal(unwritable('EACCES'))
      expect(error.code).to.equal('ERR_ROLLKEEPER_OPEN')
      expect(error.message).to.include('EACCES')
    })

    it('takes it anew where somebody replaced the file', () => {
      fs.writeFileSync(at('audit.log'), 'one\n')
      const lock = take(unwritable('EROFS'))
      fs.renameSync(at('audit.log'), at('elsewhere'))
      fs.writeFileSync(at('audit.log'), 'two\n')
      lock.renew()
      expect(refusal(unwritable('EROFS')).code).to.equal('ERR_ROLLKEEPER_LOCKED')
      lock.release()
      expect(names()).to.deep.equal(['audit.log', 'elsewhere'])
    })

    it('says what the system said where there is no such file', () => {
      const error = refusal(unwritable('EROFS'))
      expect(error.code).to.equal('ERR_ROLLKEEPER_OPEN')
      expect(error.message).to.include('EROFS')
    })

    it('holds no descriptor where the system does not tell of the file', () => {
      fs.writeFileSync(at('audit.log'), 'one\n')
      const before = countDescriptors()
      const faulty = new FaultyDisk(unwritable('EROFS'))
      faulty.fail('fstat', 'EIO')
      expect(refusal(faulty.disk).message).to.include('EIO')
      expect(countDescriptors()).to.equal(before)
    })

    it('says so too where the file cannot be locked', () => {
      fs.writeFileSync(at('audit.log'), 'one\n')
      const before = countDescriptors()
      const faulty = new FaultyDisk({ ...lockingBy('command'), lock: () => 'unable' })
      faulty.fail('openLock', 'EROFS')
      expect(refusal(faulty.disk).message).to.include('EROFS')
      expect(countDescriptors()).to.equal(before)
    })
  })

  describe('among processes', function () {
    this.timeout(120_000)
    let command: string[]
    let compiled: string
    let contenders: Contender[]

    before(() => {
      compiled = fs.mkdtempSync(join(tmpdir(), 'rollkeeper-'))
      command = compileProgram(CONTENDER, compiled)
    })

    after(() => fs.remove(compiled))

    beforeEach(() => {
      contenders = []
    })

    afterEach(() => Promise.all(contenders.map(contender => contender.end('SIGKILL'))))

    const start = (way: string): Contender => {
      const contender = new Contender(command, at('audit.log'), way)
      contenders.push(contender)
      return contender
    }

    for (const way of LOCK_WAYS) {
      describe(`by ${way}`, () => {
        before(function () {
          const missing = missingWay(way)
          if (missing === undefined) return
          console.log(`      skipped: ${missing}`)
          this.skip()
        })

        it('says which process has it', async () => {
          const holder = start(way)
          expect(await holder.ask('take')).to.equal('ours')
          const { message } = refusal(lockingBy(way))
          expect(message).to.include(
            `in use by process ${holder.child.pid} (contender.js) on ${hostname()} since 20`,
          )
        })

        it('is free at once when its holder is killed', async () => {
          const holder = start(way)
          expect(await holder.ask('take')).to.equal('ours')
          await holder.end('SIGKILL')
          expect(names()).to.deep.equal(['.audit.log.lock'])
          take(lockingBy(way)).release()
          expect(names()).to.deep.equal([])
        })

        it('stays with a holder that is stopped', async () => {
          const holder = start(way)
          expect(await holder.ask('take')).to.equal('ours')
          holder.child.kill('SIGSTOP')
          for (let again = 0; again < 20; again++) {
            expect(refusal(lockingBy(way)).message).to.include(`process ${holder.child.pid} `)
            await new Promise(resolve => setTimeout(resolve, 5))
          }
          holder.child.kill('SIGCONT')
          expect(await holder.ask('release')).to.equal('released')
          take(lockingBy(way))
        })

        it('is had by exactly one of twenty, each time', async () => {
          const racers = Array.from({ length: RACERS }, () => start(way))
          const dead = { ...thisHolder({ disk: lockingBy(way), clock }, 'text'), pid: 0 }
          for (let race = 0; race < RACES; race++) {
            dead.pid = spawnSync('true').pid
            if (race % 2 === 1) fs.writeFileSync(at('.audit.log.lock'), formatHolder(dead))
            for (const racer of racers) racer.tell('take')
            const answers = await Promise.all(racers.map(racer => racer.answer()))
            const winners = racers.filter((_, index) => answers[index] === 'ours')
            expect(winners, answers.join('\n')).to.have.length(1)
            const losers = answers.filter(answer => answer !== 'ours')
            const who = new RegExp(`process ${winners[0]?.child.pid} |another process;`)
            for (const answer of losers) {
              expect(answer).to.match(/^ERR_ROLLKEEPER_LOCKED /)
              expect(answer).to.match(way === 'text' ? / in use by process \d+ / : who)
            }
            expect(await winners[0]?.ask('release')).to.equal('released')
            expect(names()).to.deep.equal([])
          }
        })

        it('passes from hand to hand without two ever having it', async () => {
          const strugglers = Array.from({ length: STRUGGLERS }, () => start(way))
          const times = way === 'command' ? 5 : 20
          const done = strugglers.map(struggler => struggler.ask(`struggle ${times}`))
          const answers = await Promise.all(done)
          expect(answers).to.deep.equal(strugglers.map(() => 'done'))
          expect(names()).to.deep.equal([])
        })

        it('is not had by a worker thread of the same process either', async () => {
          const lock = take(lockingBy(way))
          const ask = async (): Promise<string> => {
            const worker = new Worker(command[1]!, { workerData: [at('audit.log'), way] })
            const [answer] = (await once(worker, 'message')) as [string]
            await worker.terminate()
            return answer
          }
          expect(await ask()).to.match(/^ERR_ROLLKEEPER_LOCKED .*another appender of this process/)
          lock.release()
          expect(await ask()).to.equal('ours')
        })
      })
    }
  })
})
