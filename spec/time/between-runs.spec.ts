import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import fs from 'fs-extra'
import { parseBackupName } from '../../lib/backup/backup-name.js'
import { backupNames, expectSoundDirectory, readLines } from '../support/log-directory.js'
import { runProgram } from '../support/run-program.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const VISITOR = fileURLToPath(new URL('visitor.ts', import.meta.url))

/** What a visit told. */
interface Visit {
  readonly now: number
  readonly named: string[]
  readonly pruned: string[]
  readonly codes: string[]
}

/** Real processes, each under a clock of its own, by Debian's package `faketime`. */
describe('a log between whose runs the clock is set', function () {
  this.timeout(60_000)
  const at = temporaryDirectory()
  const path = (): string => at('audit.log')

  before(function () {
    if (spawnSync('faketime', ['--version']).error === undefined) return
    console.log('      skipped: there is no faketime here (a package of Debian, which CI installs)')
    this.skip()
  })

  /** @param step as `faketime` takes it: `'+2y'`; or a zone, `'TZ=UTC'`; `''` for neither. */
  const visit = async (step: string, maxAge: string, ...lines: string[]): Promise<Visit> => {
    const node = [process.execPath, '--import', 'tsx', VISITOR, path(), maxAge, ...lines]
    const under = step.startsWith('TZ=') ? ['env', step] : ['faketime', '-f', step]
    const command = step === '' ? node : [...under, ...node]
    const { code, stdout, stderr } = await runProgram(command)
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' })
    return JSON.parse(stdout) as Visit
  }

  it('names backups in the order of rotation, whichever way the clock went, and overwrites none', async () => {
    const right = await visit('', '', 'one', 'two')
    const ahead = await visit('+2y', '', 'three', 'four')
    const back = await visit('', '', 'five')
    const behind = await visit('-3y', '', 'six', 'seven')
    const later = await visit('+90m', '', 'eight')
    const days = [ahead, behind].map(({ now }) => Math.round((now - right.now) / 86_400_000))
    expect(days).to.deep.equal([2 * 365, -3 * 365])
    const named = [right, ahead, back, behind, later].flatMap(each => each.named)
    expect(named.toSorted()).to.deep.equal(named)
    expect(backupNames(path())).to.deep.equal(named)
    const lines = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight']
    expect(readLines(path())).to.deep.equal(lines)
    expectSoundDirectory(path())
  })

  it('names backups alike in every time zone, also where the zone changes between runs', async () => {
    const named: string[] = []
    for (const zone of ['America/New_York', 'Asia/Kolkata', 'Pacific/Kiritimati', 'UTC']) {
      const before = Date.now()
      const visited = await visit(`TZ=${zone}`, '30d', `in ${zone}`)
      const [name = ''] = visited.named
      expect(Number(parseBackupName(path(), name)?.time)).to.be.within(before, Date.now())
      named.push(name)
      expect(visited.pruned).to.deep.equal([])
    }
    expect(backupNames(path())).to.deep.equal(named)
  })

  it('loses nothing young to a clock that is behind for a run, nor to one right again', async () => {
    const first = await visit('', '30d', 'one')
    const behind = await visit('-2y', '30d', 'two')
    const right = await visit('', '30d', 'three')
    expect([behind.pruned, right.pruned]).to.deep.equal([[], []])
    const named = [first, behind, right].flatMap(each => each.named)
    expect(backupNames(path())).to.deep.equal(named)
  })

  it('keeps what a clock ahead stamped until a right one has caught up, and lets nothing go for it', async () => {
    const ahead = await visit('+2y', '30d', 'one')
    const right = await visit('', '30d', 'two', 'three')
    expect(right.pruned).to.deep.equal([])
    expect(backupNames(path())).to.deep.equal([...ahead.named, ...right.named])
  })

  it('is not protected from a run whose clock is ahead from the beginning: old names go by it', async () => {
    const right = await visit('', '30d', 'one')
    const ahead = await visit('+2y', '30d')
    expect(ahead.pruned).to.deep.equal(right.named)
    expect(fs.readdirSync(at())).to.include('audit.log')
  })
})
