import { expect } from 'chai'
import fs from 'fs-extra'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { makeDirectory, numberedLines, readIfThere } from './log-directory.js'
import { ROLLKEEPER, runProgram, startProgram, waitFor } from '../support/run-program.js'

const DISK_BYTES = 64 * 1024

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
  afterEach(() => fs.emptyDir(disk))
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
