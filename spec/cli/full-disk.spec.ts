import { expect } from 'chai'
import fs from 'fs-extra'
import { execFileSync, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { makeDirectory, numberedLines, readIfThere } from './log-directory.js'
import { feed, ROLLKEEPER, runProgram, startProgram, waitFor } from '../support/run-program.js'

const DISK_BYTES = 64 * 1024

/** Has room for all that may wait in memory. */
const ROOMY_BYTES = 32 * 1024 * 1024

/** Of 1000 bytes each: more than may wait in memory. */
const FED_LINES = 20_000

/** What the program says at the end of all that was lost. */
const LOST = /^rollkeeper: (\d+) of (\d+) records were lost$/m

describe('rollkeeper write, on a full disk', () => {
  let disk: string
  let path: string
  let write: string[]
  let mounted = false

  before(function () {
    disk = makeDirectory()
    const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmpfs', disk])
    mounted = mount.status === 0
    path = join(disk, 'audit.log')
    write = [...ROLLKEEPER, 'write', `--path=${path}`]
    if (mounted) return
    console.log(`      skipped: cannot mount a tmpfs here (${String(mount.stderr).trim()})`)
    this.skip()
  })
  afterEach(async () => {
    await fs.emptyDir(disk)
    if (mounted) resizeDisk(DISK_BYTES)
  })
  after(() => {
    if (mounted) spawnSync('umount', [disk])
    fs.removeSync(disk)
  })

  it('exits 1 when the input ends before there is room, and counts what was lost', async () => {
    const text = numberedLines(1, 20_000)
    const { code, stderr } = await runProgram(write, text)
    expect(code).to.equal(1)
    expect(stderr)
      .to.match(/^(rollkeeper: [^\n]+\n)+$/)
      .and.include('ENOSPC')
    expectCounted(text, stderr)
  })

  it('keeps all that its limits make room for, though the input has ended', async () => {
    const limits = ['--max-size=8000', '--max-total-size=24000']
    const { code } = await runProgram([...write, ...limits], numberedLines(1, 20_000))
    expect(code).to.equal(0)
    expect(readIfThere(path).endsWith(numberedLines(20_000, 20_000))).to.equal(true)
  })

  it('exits 1 on SIGTERM while it waits for room', async () => {
    const text = numberedLines(1, 20_000)
    const running = startProgram(write)
    running.child.stdin?.write(text)
    await waitFor('a warning', () => running.said().stderr.includes('ENOSPC'))
    running.child.kill('SIGTERM')
    const { code, stderr } = await running.ended
    expect(code).to.equal(1)
    expectCounted(text, stderr)
  })

  it('waits for room, and then keeps everything', async () => {
    const ballast = join(disk, 'ballast')
    fs.writeFileSync(ballast, Buffer.alloc(DISK_BYTES - 8192))
    const text = numberedLines(1, 3000)
    const running = startProgram(write)
    running.child.stdin?.write(text)
    await waitFor('a warning', () => running.said().stderr.includes('ENOSPC'))
    fs.removeSync(ballast)
    await waitFor('all lines', () => readIfThere(path) === text)
    running.child.stdin?.end()
    expect(await running.ended).to.include({ code: 0 })
    expect(readIfThere(path)).to.equal(text)
  })

  const gapLines: [string, RegExp][] = [
    ['legacy', /^\S+Z AUDIT: gap records="(\d+)" bytes="\d+" why="ENOSPC"$/m],
    ['json', /^\{"kind":"Gap","apiVersion":"rollkeeper\/v1","records":(\d+),.*"ENOSPC".*\}$/m],
  ]
  for (const [format, gapLine] of gapLines) {
    it(`takes all without waiting in mode batch, and tells of what it drops: ${format}`, async () => {
      const mode = ['--audit-log-mode=batch', `--audit-log-format=${format}`]
      const running = startProgram([...write, ...mode])
      await feed(running, `${'x'.repeat(999)}\n`.repeat(FED_LINES))
      await waitFor('drops', () => running.said().stderr.includes('dropped'))
      resizeDisk(ROOMY_BYTES)
      await waitFor('a gap', () => gapLine.test(readIfThere(path)))
      const [, dropped] = gapLine.exec(readIfThere(path)) ?? []
      await feed(running, 'last\n')
      running.child.stdin?.end()
      const { code, stderr } = await running.ended
      expect(code).to.equal(1)
      expect(readIfThere(path)).to.match(/\nlast\n$/)
      const [, lost, all] = LOST.exec(stderr) ?? []
      expect({ lost, all }).to.deep.equal({ lost: dropped, all: String(FED_LINES + 1) })
    })
  }

  it('keeps in mode batch what its limits make room for, though the input has ended', async () => {
    const limits = ['--max-size=8000', '--max-total-size=24000', '--audit-log-mode=batch']
    const { code } = await runProgram([...write, ...limits], numberedLines(1, 20_000))
    expect(code).to.equal(0)
    expect(readIfThere(path).endsWith(numberedLines(20_000, 20_000))).to.equal(true)
  })

  it('ends in mode blocking-strict at the first record that it cannot write', async () => {
    const text = numberedLines(1, 20_000)
    const running = startProgram([...write, '--audit-log-mode=blocking-strict'])
    running.child.stdin?.write(text) // and no end
    const { code, stderr } = await running.ended
    expect(code).to.equal(1)
    expect(stderr)
      .to.match(/^(rollkeeper: [^\n]+\n)+$/)
      .and.include('ENOSPC')
    expectCounted(text, stderr)
  })

  function resizeDisk(bytes: number): void {
    execFileSync('mount', ['-o', `remount,size=${bytes}`, disk])
  }

  /** The log is the beginning of the text up to some line, and the rest is told to be lost. */
  function expectCounted(text: string, stderr: string): void {
    const kept = fs.readFileSync(path, 'utf8')
    const [, lost, all] = LOST.exec(stderr) ?? []
    const wholeLines = kept.slice(0, kept.lastIndexOf('\n') + 1)
    expect(text.startsWith(kept), 'only a beginning').to.equal(true)
    expect(Number(all)).to.be.at.least(Number(lost)).and.at.most(20_000)
    expect(Number(all) - Number(lost)).to.equal(wholeLines.split('\n').length - 1)
  }
})
