import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import fs from 'fs-extra'
import { FileAppender } from '../../lib/appender/file-appender.js'
import { expectSoundDirectory, readLines } from '../support/log-directory.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const WRITER = fileURLToPath(new URL('writer.ts', import.meta.url))
const PATIENT = fileURLToPath(new URL('patient.ts', import.meta.url))

describe('a process that ends', function () {
  this.timeout(120_000)
  const at = temporaryDirectory()

  /** Runs the writer; returns the last number it told of, and its exit code. */
  async function run(ending: string, args: string[] = [], killAfter = Infinity) {
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', WRITER, at('audit.log'), ending, ...args],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    )
    const exited = once(child, 'exit')
    let told = -1
    let lines = 0
    for await (const line of createInterface(child.stdout)) {
      told = Number(line)
      if (++lines === killAfter) child.kill('SIGKILL')
    }
    const [code, signal] = (await exited) as [number | null, string | null]
    return { told, code, signal }
  }

  /** Reopens the log, which finishes what was interrupted, and reads the numbers of its records. */
  async function recoveredNumbers(): Promise<number[]> {
    const log = new FileAppender({ path: at('audit.log') })
    await log.close()
    expectSoundDirectory(at('audit.log'))
    return readLines(at('audit.log')).map(line => Number(/^(\d+) ü*$/.exec(line)?.[1]))
  }

  for (const [ending, code] of [
    ['exit', 0],
    ['throw', 1],
    ['end', 0],
  ] as const) {
    it(`loses no record when it ends by ${ending}, right after writing`, async () => {
      expect(await run(ending)).to.deep.include({ told: 9999, code })
      const numbers = await recoveredNumbers()
      expect(numbers).to.deep.equal(Array.from({ length: 10_000 }, (_, i) => i))
    })
  }

  for (const durability of ['flush', 'sync']) {
    it(`has every acknowledged record once, in order, after SIGKILL (${durability})`, async () => {
      let first = 0
      for (const killAfter of [1, 2, 7, 30, 55, 80, 120, 200]) {
        const { told, signal } = await run('kill', [durability, String(first)], killAfter)
        expect(signal).to.equal('SIGKILL')
        const numbers = await recoveredNumbers()
        // After the last acknowledged one, more may have been written, and the last of them torn.
        const torn = numbers.findIndex(Number.isNaN)
        expect(torn === -1 || torn > told, 'no acknowledged record is torn').to.equal(true)
        const written = numbers.filter(number => !Number.isNaN(number))
        expect(written).to.deep.equal(Array.from(written, (_, i) => i))
        expect(written.length).to.be.greaterThan(told)
        first = written.length
      }
    })
  }

  it('writes also what other exit listeners hand over', () => {
    spawnSync(process.execPath, ['--import', 'tsx', PATIENT, at('audit.log'), 'listens'])
    expect(readLines(at('audit.log'))).to.deep.equal(['before', 'from a listener'])
  })

  describe('on a disk that is full', () => {
    let isMounted = false

    beforeEach(function () {
      fs.mkdirSync(at('small'))
      isMounted =
        spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', at('small')]).status === 0
      if (isMounted) return
      console.log('skipped: a small tmpfs cannot be mounted here')
      this.skip()
    })

    afterEach(() => {
      if (isMounted) spawnSync('umount', [at('small')])
    })

    it('does not end while a record waits, and ends well when there is room', async () => {
      fs.writeFileSync(at('small', 'filler'), Buffer.alloc(500_000))
      const args = ['--import', 'tsx', PATIENT, at('small', 'audit.log'), 'waits']
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
      const exited = once(child, 'exit')
      const said: string[] = []
      for await (const line of createInterface(child.stdout)) {
        said.push(line)
        if (line !== 'ERR_ROLLKEEPER_FULL') continue
        fs.unlinkSync(at('small', 'filler'))
        fs.moveSync(at('small', 'audit.log'), at('small', 'moved'))
        fs.truncateSync(at('small', 'moved'))
      }
      expect((await exited)[0]).to.equal(0)
      expect(said).to.deep.equal(['ERR_ROLLKEEPER_FULL', 'acknowledged'])
      expect(fs.readFileSync(at('small', 'audit.log'), 'utf8')).to.match(/the last\n$/)
    })

    it('tells of what it loses when it is made to end', () => {
      const args = ['--import', 'tsx', PATIENT, at('small', 'audit.log'), 'leaves']
      const { stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' })
      expect(stdout).to.match(/^gap [1-9]\d*$/m)
      expect(stdout).to.include('late false\n')
    })
  })
})
