import { execFile, execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { expect } from 'chai'
import fs from 'fs-extra'
import { hastyLogs } from '../support/hasty-log.js'
import { feed, ROLLKEEPER, startProgram, waitFor, type Running } from '../support/run-program.js'
import { backupNames } from '../support/log-directory.js'
import { expectRange, numbered, numbersIn, SteadyWriter } from '../support/steady-writer.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const run = promisify(execFile)

/** Rotations in a row. */
const TIMES = 6

/** Debian's logrotate, as it is installed; CI installs it. */
describe('the real logrotate', function () {
  this.timeout(60_000)
  const at = temporaryDirectory()
  const logs = hastyLogs(at)

  before(function () {
    try {
      execFileSync('logrotate', ['--version'], { stdio: 'ignore' })
    } catch (error) {
      console.log(`      skipped: there is no logrotate (${String(error)})`)
      this.skip()
    }
  })

  beforeEach(() => {
    fs.mkdirSync(at('logs'))
  })

  const path = (): string => at('logs', 'audit.log')

  /** Its arguments for a configuration of such lines. */
  function configure(...lines: string[]): string[] {
    const text = `${path()} {\n${['rotate 1000', ...lines].join('\n')}\n}\n`
    fs.writeFileSync(at('logrotate.conf'), text, { mode: 0o644 })
    return ['-s', at('state'), at('logrotate.conf')]
  }

  /** Lets it rotate now. */
  async function logrotate(...lines: string[]): Promise<void> {
    await run('logrotate', ['--force', ...configure(...lines)])
  }

  /** The same, all of it between two turns of the event loop. */
  function logrotateAtOnce(...lines: string[]): void {
    execFileSync('logrotate', ['--force', ...configure(...lines)], { stdio: 'pipe' })
  }

  /** The files that it made, oldest first, then the active file. */
  function files(): string[] {
    const numberOf = (name: string): number => Number(/^audit\.log\.(\d+)/.exec(name)?.[1])
    const rotated = fs.readdirSync(at('logs')).filter(name => numberOf(name) > 0)
    const sorted = rotated.toSorted((one, other) => numberOf(other) - numberOf(one))
    return [...sorted, 'audit.log'].map(name => at('logs', name))
  }

  /**
   * Files that it found where it wanted to make one, and moved aside (`createOutputFile` of its
   * logrotate.c): the log may have made its next file in the moment between rename and create.
   */
  function movedAside(): string[] {
    const names = fs.readdirSync(at('logs')).filter(name => /^audit\.log-\d+\.backup$/.test(name))
    return names.map(name => at('logs', name))
  }

  function textOf(file: string): string {
    const bytes = fs.readFileSync(file)
    return (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')
  }

  /** Expects the records 1 to `last`, each once, and in order in and among the files. */
  function expectAll(last: number): void {
    const aside = movedAside().flatMap(file => numbersIn(textOf(file)))
    const numbers = numbersIn(files().map(textOf).join(''))
    expect(numbers, 'in order').to.deep.equal(numbers.toSorted((one, other) => one - other))
    expectRange(
      [...numbers, ...aside].toSorted((one, other) => one - other),
      1,
      last,
    )
  }

  for (const lines of [
    ['create'],
    ['create 0640 root root'],
    ['nocreate'],
    ['nocreate', 'compress', 'delaycompress'],
    ['create', 'compress', 'delaycompress'],
  ]) {
    const words = lines.join(', ')
    it(`(${words}) loses nothing and doubles nothing while the log is written`, async () => {
      const { log } = logs.open()
      const writer = new SteadyWriter(log)
      for (let i = 0; i < TIMES; i++) {
        await writer.goesOn()
        await logrotate(...lines)
        await writer.goesOn()
      }
      const last = await writer.stop()
      await log.close()
      expect(files()).to.have.length(TIMES + 1)
      expectAll(last)
    })
  }

  for (const [lines, why] of [
    [['create'], 'replaced'],
    [['nocreate'], 'renamed'],
    [['create', 'compress'], 'replaced'],
  ] as const) {
    it(`(${lines.join(', ')}) is followed at once while nobody writes`, async () => {
      const { log } = logs.open()
      await log.append(numbered(1))
      for (let i = 1; i <= 3; i++) {
        await logs.platform.idle()
        const reopen = once(log, 'reopen')
        logrotateAtOnce(...lines)
        expect(await reopen).to.deep.equal([why])
        await log.append(numbered(i + 1))
      }
      await log.close()
      expectAll(4)
    })
  }

  it('(size) loses nothing and doubles nothing when it comes again and again', async () => {
    const { log } = logs.open()
    const writer = new SteadyWriter(log)
    for (let i = 0; i < TIMES; i++) {
      await writer.goesOn(500)
      await run('logrotate', configure('size 10k', 'create'))
    }
    const last = await writer.stop()
    await log.close()
    expect(files()).to.have.length(TIMES + 1)
    expectAll(last)
  })

  it('(create) goes together with rotations of our own', async () => {
    const { log } = logs.open({ maxSize: '64KiB' })
    const writer = new SteadyWriter(log)
    for (let i = 0; i < TIMES; i++) {
      await writer.goesOn()
      await logrotate('create').catch((error: Error) => {
        // It looked in the moment in which a rotation of ours had taken the file away, and did nothing.
        expect(error.message).to.match(/audit\.log.*No such file/)
      })
      const { rotations } = log.stats()
      await waitFor('a rotation of our own', () => log.stats().rotations > rotations)
    }
    const last = await writer.stop()
    await log.close()
    const all = [...files(), ...movedAside(), ...backupNames(path()).map(name => at('logs', name))]
    const numbers = all.flatMap(file => numbersIn(textOf(file)))
    expectRange(
      numbers.toSorted((one, other) => one - other),
      1,
      last,
    )
  })

  describe('with copytruncate', () => {
    it('makes no hole and glues no line while the log is written; what comes between copy and truncation is lost', async () => {
      const { log } = logs.open()
      const writer = new SteadyWriter(log)
      for (let i = 0; i < TIMES; i++) {
        await writer.goesOn()
        await logrotate('copytruncate')
        const before = writer.acknowledged
        await writer.goesOn()
        const [first = NaN] = numbersIn(fs.readFileSync(path(), 'utf8'))
        expect(first, 'all that came after is there').to.be.at.most(before + 1)
      }
      const last = await writer.stop()
      await log.close()
      let previous = 0
      for (const file of files()) {
        // Its copy may end within a record: it reads while we write.
        const text = textOf(file)
        const numbers = numbersIn(
          file === path() ? text : text.slice(0, text.lastIndexOf('\n') + 1),
        )
        const [first = NaN] = numbers
        const end = numbers.at(-1) ?? NaN
        expect(first).to.be.greaterThan(previous)
        expectRange(numbers, first, end)
        previous = end
      }
      expect(previous).to.equal(last)
    })

    it('loses nothing while nobody writes', async () => {
      const { log } = logs.open()
      for (let i = 1; i <= 3; i++) {
        await log.append(numbered(i))
        await logs.platform.idle()
        logrotateAtOnce('copytruncate')
        await waitFor('a look', () => log.stats().activeBytes === 0)
      }
      await log.append(numbered(4))
      await log.close()
      expectAll(4)
    })
  })

  describe('with a postrotate that sends SIGHUP to a program', () => {
    const started: Running[] = []

    function start(): Running {
      const program = startProgram([...ROLLKEEPER, 'write', `--path=${path()}`])
      started.push(program)
      return program
    }

    const hasRecords = (): boolean => fs.existsSync(path()) && fs.statSync(path()).size > 0

    afterEach(async () => {
      for (const { child, ended } of started.splice(0)) {
        child.kill('SIGKILL')
        await ended
      }
    })

    for (const lines of [['nocreate'], ['create'], ['nocreate', 'compress', 'delaycompress']]) {
      it(`(${lines.join(', ')}) loses nothing and doubles nothing`, async () => {
        const program = start()
        let last = 0
        const feedSome = async (): Promise<void> => {
          let text = ''
          for (let i = 0; i < 200; i++) text += numbered(++last)
          await feed(program, text)
        }
        await feedSome()
        await waitFor('the log', hasRecords)
        const hangUp = ['postrotate', `kill -HUP ${program.child.pid}`, 'endscript']
        for (let i = 0; i < TIMES; i++) {
          let status = 'rotating'
          const rotated = logrotate(...lines, ...hangUp).finally(() => (status = 'rotated'))
          while (status === 'rotating') await feedSome()
          await rotated
          await feedSome()
          await waitFor('the next file', hasRecords)
        }
        program.child.stdin?.end()
        expect(await program.ended).to.include({ code: 0, stderr: '' })
        expectAll(last)
      })
    }

    it('is heard while nobody writes', async () => {
      const program = start()
      await feed(program, numbered(1))
      await waitFor('the record', hasRecords)
      await logrotate('nocreate', 'postrotate', `kill -HUP ${program.child.pid}`, 'endscript')
      await waitFor('the next file', () => fs.existsSync(path()))
      await feed(program, numbered(2))
      program.child.stdin?.end()
      expect(await program.ended).to.include({ code: 0, stderr: '' })
      expectAll(2)
    })
  })
})
