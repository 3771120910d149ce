import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import fs from 'fs-extra'
import type { OnFull } from '../../lib/appender/delivery.js'
import { FileAppender } from '../../lib/appender/file-appender.js'
import { parseLine } from '../../lib/audit/parsed-line.js'
import { expectSoundDirectory, readLines } from '../support/log-directory.js'
import { runProgram, startProgram, waitFor } from '../support/run-program.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import type { Filled, Filling } from './disk-filler.js'
import type { Grown } from './memory-eater.js'

const MIB = 1024 * 1024
const PENDING_BYTES = 100_000
const RECORD_BYTES = 1000

/** A TypeScript program beside this file, and what it is called with. */
const program = (name: string, ...args: readonly string[]): string[] => {
  const file = fileURLToPath(new URL(name, import.meta.url))
  return [process.execPath, '--expose-gc', '--import', 'tsx', file, ...args]
}

/** Reads a line that tells of a gap, in the usual form or as one of the audit log. */
function readGap(line: string): { records: number; bytes: number } | undefined {
  const parsed = parseLine(line)
  if (parsed?.kind === 'gap') return parsed
  const [, records, bytes] = / gap records=(\d+) bytes=(\d+) why="ENOSPC"$/.exec(line) ?? []
  return records ? { records: Number(records), bytes: Number(bytes) } : undefined
}

describe('FileAppender, on a disk that is full', () => {
  const at = temporaryDirectory()
  let disk: string
  let path: string
  let mounted = false

  beforeEach(function () {
    disk = at('small')
    path = join(disk, 'audit.log')
    fs.mkdirSync(disk)
    const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk])
    mounted = mount.status === 0
    if (mounted) return
    console.log(`      skipped: cannot mount a tmpfs here (${String(mount.stderr).trim()})`)
    this.skip()
  })

  afterEach(() => {
    if (mounted) spawnSync('umount', ['--lazy', disk]) // also where a program goes on that should not
  })

  /** Fills the disk by a program, makes room if it waits for that, and hears what it says. */
  async function fill(filling: Omit<Filling, 'options'>, options: object): Promise<Filled> {
    const ballast = join(disk, 'ballast')
    fs.writeFileSync(ballast, Buffer.alloc(MIB / 2))
    const asked = { ...filling, options: { path, maxPending: PENDING_BYTES, ...options } }
    const running = startProgram(program('disk-filler.ts', JSON.stringify(asked)))
    await waitFor('all is written', () => running.said().stdout.includes('\n'))
    fs.removeSync(ballast)
    const { code, signal, stdout, stderr } = await running.ended
    expect({ code, signal, stderr }).to.deep.equal({ code: 0, signal: null, stderr: '' })
    const [first, last] = stdout.trimEnd().split('\n')
    expect(first).to.equal('{"full":true}')
    return JSON.parse(last!) as Filled
  }

  /** Fills the disk by a program that nobody makes room for, and hears what it says. */
  async function fillWithoutRoom(
    filling: Omit<Filling, 'options'>,
    onFull: OnFull,
  ): Promise<Filled> {
    const asked = { ...filling, options: { path, maxPending: PENDING_BYTES, onFull } }
    const { code, stdout, stderr } = await runProgram(
      program('disk-filler.ts', JSON.stringify(asked)),
    )
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' })
    return JSON.parse(stdout.trimEnd().split('\n')[1]!) as Filled
  }

  /** The numbers of the records that are in the log, and the sum of its gaps. */
  function readBack(): { numbers: number[]; missing: number; gaps: number } {
    const numbers: number[] = []
    let missing = 0
    let gaps = 0
    for (const line of readLines(path)) {
      const gap = readGap(line)
      if (gap) {
        const { records, bytes } = gap
        expect(bytes).to.equal(records * RECORD_BYTES)
        missing += records
        gaps++
      } else if (line !== 'after') {
        expect(line)
          .to.match(/^\d+ x+$/)
          .with.lengthOf(RECORD_BYTES - 1)
        numbers.push(Number.parseInt(line, 10))
      }
    }
    return { numbers, missing, gaps }
  }

  for (const onFull of ['wait', 'drop', 'throw'] as const satisfies readonly OnFull[]) {
    for (const listens of [true, false]) {
      const heard = listens ? 'heard' : 'unheard'
      it(`onFull '${onFull}', ${heard}: goes on by itself, and accounts for each record`, async () => {
        const filling = { count: 2000, listens, appendEvery: 100, end: 'waits for room' } as const
        const filled = await fill(filling, { onFull })
        const { numbers, missing, gaps } = readBack()
        expect(filled).to.include({ closed: 'well', pendingBytes: 0, dropped: missing })
        if (listens) expect(filled.gapRecords).to.equal(missing)
        const { kept = 0, ERR_ROLLKEEPER_DROPPED = 0, ERR_ROLLKEEPER_FULL = 0 } = filled.appended
        expect(kept + ERR_ROLLKEEPER_DROPPED + ERR_ROLLKEEPER_FULL).to.equal(20)
        expect(numbers.length + missing + filled.refused + ERR_ROLLKEEPER_FULL).to.equal(2000)
        expect(numbers).to.deep.equal(numbers.toSorted((one, other) => one - other))
        expect(new Set(numbers).size).to.equal(numbers.length)
        expect(readLines(path).at(-1)).to.equal('after')
        expect(numbers.length * RECORD_BYTES).to.be.greaterThan(MIB / 2)
        if (onFull === 'wait') {
          expect(kept).to.equal(20)
          expect(gaps).to.equal(1)
        }
        if (onFull === 'drop') expect([gaps, filled.refused]).to.deep.equal([1, 0])
        if (onFull === 'throw') expect([gaps, filled.refused > 0]).to.deep.equal([0, true])
        expectSoundDirectory(path)
      })

      it(`onFull '${onFull}', ${heard}: closes without room, and says what is lost`, async () => {
        const ballast = join(disk, 'another')
        fs.writeFileSync(ballast, Buffer.alloc(MIB / 4))
        const filling = { count: 3000, listens, end: 'closes' } as const
        const filled = await fillWithoutRoom(filling, onFull)
        expect(filled).to.include({ closed: 'ERR_ROLLKEEPER_FULL', pendingBytes: 0 })
        const text = fs.readFileSync(path, 'latin1')
        const whole = text.split('\n').length - 1
        expect(whole + filled.dropped + filled.refused).to.equal(3000)
        if (listens) expect(filled.gapRecords).to.equal(filled.dropped)
        expect(text.length % RECORD_BYTES, 'the last record is cut').not.to.equal(0)
        fs.removeSync(ballast)
        const log = new FileAppender({ path })
        await log.append('after\n')
        await log.close()
        expect(readLines(path)).to.have.length(whole + 2)
        expect(readLines(path).at(-1)).to.equal('after')
      })
    }
  }

  it('loses nothing for which its rules can make room, also when it is closed at once', async () => {
    const log = new FileAppender({ path, maxSize: 50_000, maxTotalSize: 300_000 })
    const record = `${'x'.repeat(RECORD_BYTES - 1)}\n`
    for (let count = 0; count < 5000; count++) log.write(record) // five times what the disk has
    await log.close()
    expect(log.stats()).to.include({ records: 5000, dropped: 0 })
    expectSoundDirectory(path)
  })

  it('writes its gaps as lines of the audit log, where auditGapRecord is given', async () => {
    const filling = { count: 2000, listens: false, audit: true, end: 'waits for room' } as const
    const { dropped } = await fill(filling, {})
    const parsed = readLines(path).flatMap(line => parseLine(line) ?? [])
    expect(parsed).to.have.length(1)
    const bytes = dropped * RECORD_BYTES
    expect(parsed[0]).to.include({ kind: 'gap', records: dropped, bytes, why: 'ENOSPC' })
    expect(readBack().numbers).to.have.length(2000 - dropped)
  })

  it('takes no more memory for write than maxPending, whatever it is given', async function () {
    this.timeout(60_000)
    for (let i = 0; i < 4; i++) fs.writeFileSync(`${path}.${i}`, '')
    expect(() => fs.writeFileSync(join(disk, 'ballast'), Buffer.alloc(2 * MIB))).to.throw('ENOSPC')
    const pending = 4 * MIB
    const run = await runProgram(program('memory-eater.ts', path, String(pending)))
    expect(run).to.include({ code: 0, stderr: '' })
    const grown = Object.entries(JSON.parse(run.stdout) as Grown)
    expect(grown).to.have.length(4)
    for (const [kind, bytes] of grown) {
      expect(bytes, kind).to.be.within(0.9 * pending, 1.1 * pending + MIB / 4)
    }
  })
})
