import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import fs from 'fs-extra'
import { formatBackupName } from '../../lib/backup/backup-name.js'
import { systemPlatform } from '../../lib/platform/platform.js'
import { Archive } from '../../lib/retention/archive.js'
import { archivable, readBackup } from '../support/archives.js'
import { ASYNCHRONOUS } from '../support/faulty-disk.js'
import { runProgram, startProgram } from '../support/run-program.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const ARCHIVER = fileURLToPath(new URL('archiver.ts', import.meta.url))
const PROGRAM = [process.execPath, '--import', 'tsx', ARCHIVER]

/** Bytes that do not compress, between some that do. */
const content = (length: number): Buffer =>
  Buffer.concat([
    Buffer.alloc(length, 'AUDIT\n'),
    createHash('shake256', { outputLength: length }).digest(),
  ])

describe('an archive whose process is killed', function () {
  this.timeout(120_000)
  const at = temporaryDirectory()
  const nameOf = (day: number): string =>
    formatBackupName('audit.log', new Date(Date.UTC(2016, 8, day)))

  /** A log with backups in a directory of its own. */
  const makeLog = (name: string, contents: readonly Buffer[]): string => {
    fs.mkdirSync(at(name))
    for (const [index, bytes] of contents.entries()) {
      fs.writeFileSync(at(name, nameOf(index + 1)), bytes, { mode: 0o640 })
    }
    return at(name, 'audit.log')
  }

  /** Each backup is there as a whole: as its source, as its archive, or as both. */
  const expectKept = (name: string, contents: readonly Buffer[]): void => {
    for (const [index, bytes] of contents.entries()) {
      const source = at(name, nameOf(index + 1))
      expect(readBackup(source).equals(bytes), `${name}: ${source}`).to.equal(true)
      if (fs.existsSync(`${source}.gz`)) execFileSync('gzip', ['--test', `${source}.gz`])
    }
  }

  /** What the next process does: all are archives then, of the same mode, and nothing is left over. */
  const expectFinished = async (name: string, contents: readonly Buffer[]): Promise<void> => {
    const archive = new Archive(systemPlatform, 6, {
      archived: () => undefined,
      warn: error => expect.fail(error.message),
      due: () => undefined,
      isBusy: () => false,
    })
    const left = fs.readdirSync(at(name)).filter(file => file.endsWith('.tmp'))
    const orphans = left.filter(file => !fs.existsSync(at(name, file.slice(1, -'.gz.tmp'.length))))
    await archive.tidy(orphans.map(file => at(name, file)))
    await archive.run(archivable(at(name, 'audit.log')))
    const names = contents.map((_, index) => `${nameOf(index + 1)}.gz`)
    expect(fs.readdirSync(at(name)).sort()).to.deep.equal(names)
    expectKept(name, contents)
    for (const file of names) expect(fs.statSync(at(name, file)).mode & 0o777).to.equal(0o640)
  }

  it('is whole, or its source is, before each call and while it is under way, and is finished then', async () => {
    const contents = [content(150_000)]
    const { stdout } = await runProgram([...PROGRAM, makeLog('whole', contents), 'never'])
    const { calls }: { calls: string[] } = JSON.parse(stdout)
    expect(calls).to.include.members(['create', 'rename', 'remove'])
    const points = calls.flatMap((call, index) => {
      const point = String(index + 1)
      // When one of the others is over, that is before the next one.
      return ASYNCHRONOUS.has(call)
        ? [['before', point] as const, ['under', point]]
        : [['before', point]]
    })
    const workers = Array.from({ length: 3 }, async () => {
      for (let point = points.pop(); point; point = points.pop()) {
        const name = point.join('-')
        const { signal, stderr } = await runProgram([...PROGRAM, makeLog(name, contents), ...point])
        expect(signal, stderr).to.equal('SIGKILL')
        expectKept(name, contents)
        await expectFinished(name, contents)
      }
    })
    await Promise.all(workers)
  })

  it('is finished also after many crashes in a row', async () => {
    const contents = [content(1000), content(200_000)]
    const path = makeLog('again', contents)
    for (const point of [3, 12, 19, 23, 24, 25, 26, 30]) {
      await runProgram([...PROGRAM, path, 'before', String(point)])
      expectKept('again', contents)
    }
    await expectFinished('again', contents)
  })

  it('is whole, or its source is, at any other moment', async () => {
    const contents = [content(100_000), content(3_000_000)]
    for (let round = 0; round < 5; round++) {
      const name = `round-${round}`
      const { child, ended } = startProgram([...PROGRAM, makeLog(name, contents), 'never'])
      while (
        child.exitCode === null &&
        !fs.readdirSync(at(name)).some(file => file.endsWith('.tmp'))
      ) {
        await new Promise(resolve => setTimeout(resolve, 1))
      }
      await new Promise(resolve => setTimeout(resolve, round * 40))
      child.kill('SIGKILL')
      await ended
      expectKept(name, contents)
      await expectFinished(name, contents)
    }
  })
})

describe('an archive of a large backup', function () {
  this.timeout(120_000)
  const at = temporaryDirectory()

  /** The most memory that the program has while it archives so many bytes. */
  async function peakBytes(mib: number): Promise<number> {
    const source = at(formatBackupName('audit.log', new Date(mib)))
    const line = (i: number): string =>
      `AUDIT: id="${i * 7919}" ip="10.0.${i % 256}.7" method="GET"\n`
    const lines = Array.from({ length: 20_000 }, (_, i) => line(i)).join('')
    fs.writeFileSync(source, Buffer.alloc(mib * 1024 * 1024, lines))
    const { code, stdout, stderr } = await runProgram([...PROGRAM, at('audit.log'), 'never'])
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' })
    expect(fs.existsSync(source)).to.equal(false)
    execFileSync('gzip', ['--test', `${source}.gz`])
    return JSON.parse(stdout).peakBytes
  }

  it('takes no more memory than one of a small backup, but for some buffers', async () => {
    const [small, large] = [await peakBytes(1), await peakBytes(200)]
    expect(large - small).to.be.lessThan(48 * 1024 * 1024)
  })
})
