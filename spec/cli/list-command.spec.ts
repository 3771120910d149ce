import { spawnSync, type StdioOptions } from 'node:child_process'
import { basename } from 'node:path'
import { expect } from 'chai'
import fs from 'fs-extra'
import { formatBackupName } from '../../lib/backup/backup-name.js'
import { ROLLKEEPER, runProgram, type Ended } from '../support/run-program.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { lookOf, makeBackup } from './log-directory.js'
import { onTerminal, terminalMissing } from './terminal.js'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

const ls = (...args: string[]): Promise<Ended> => runProgram([...ROLLKEEPER, 'ls', ...args])

describe('rollkeeper ls', () => {
  const at = temporaryDirectory()
  let path: string
  let older: string
  let newer: string

  beforeEach(() => {
    path = at('audit.log')
    fs.writeFileSync(path, 'record\n')
    older = makeBackup(path, 3 * DAY_MS + 4 * HOUR_MS + 60_000, 1536, '.gz')
    newer = makeBackup(path, 2 * HOUR_MS + 30_000, 100)
    makeBackup(at('other.log'), DAY_MS)
    fs.writeFileSync(at('audit-notes.log'), 'foreign')
  })

  /** The time of a backup as its name tells it. */
  const timeOf = (backup: string): string =>
    /(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3})/
      .exec(backup)?.[1]
      ?.replace(/T(..)-(..)-(.*)/, 'T$1:$2:$3Z') ?? ''

  it('gives other programs exact values, with tabs between', async () => {
    fs.writeFileSync(`${older}.hold`, 'case 4711\n')
    const before = lookOf(at())
    const { code, stdout, stderr } = await ls(path)
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' })
    expect(lookOf(at())).to.deep.equal(before)
    const openedAt = new Date(fs.statSync(path).birthtimeMs).toISOString()
    expect(stdout).to.equal(
      `${path}\t7\t${openedAt}\tactive\t\n` +
        `${newer}\t100\t${timeOf(newer)}\tbackup\t\n` +
        `${older}\t1536\t${timeOf(older)}\tarchive\tcase 4711\n`,
    )
  })

  it('gives --json in the shapes of the library', async () => {
    fs.writeFileSync(`${older}.hold`, 'case\x1b[2J\n')
    const { code, stdout, stderr } = await ls(path, '--json')
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' })
    const openedAt = new Date(fs.statSync(path).birthtimeMs).toISOString()
    const name = (backup: string): string => basename(backup)
    const parsed = JSON.parse(stdout)
    expect(parsed).to.deep.equal({
      active: { path, openedAt, bytes: 7 },
      backups: [
        { path: newer, name: name(newer), time: timeOf(newer), bytes: 100, archived: false },
        {
          path: older,
          name: name(older),
          time: timeOf(older),
          bytes: 1536,
          archived: true,
          held: 'case\x1b[2J',
        },
      ],
    })
    expect(stdout).to.equal(`${JSON.stringify(parsed, null, 2)}\n`)
  })

  it('shows the backups of a log whose file is gone, and a file without backups', async () => {
    fs.removeSync(path)
    const { code, stdout } = await ls(path)
    expect({ code, states: stdout.match(/active|backup|archive/g) }).to.deep.equal({
      code: 0,
      states: ['backup', 'archive'],
    })
    expect(JSON.parse((await ls('--json', path)).stdout)).to.include({ active: null })
    const notes = await ls('--json', at('audit-notes.log'))
    expect(JSON.parse(notes.stdout).backups).to.deep.equal([])
  })

  it('exits 1 for no log, and makes nothing', async () => {
    for (const missing of [at('none.log'), at('none', 'audit.log'), at()]) {
      const { code, stdout, stderr } = await ls(missing)
      expect({ code, stdout }).to.deep.equal({ code: 1, stdout: '' })
      expect(stderr).to.match(/^rollkeeper: no log at [^\n]+\n$/)
    }
    expect(fs.readdirSync(at())).to.have.lengthOf(5)
  })

  it('tells of a hold that holds nothing', async () => {
    fs.writeFileSync(at('audit-2016-09-07T13-03-57.400.log.hold'), '')
    const { code, stderr } = await ls(path)
    expect(code).to.equal(0)
    expect(stderr).to.match(/^rollkeeper: .*\.hold holds nothing[^\n]*\n$/)
  })

  it('lets nothing through that a terminal obeys', async () => {
    const odd = at('\x1b]0;odd\x07\n.log')
    fs.writeFileSync(odd, '')
    fs.writeFileSync(`${makeBackup(odd, DAY_MS)}.hold`, 'why\x9b\u202e')
    for (const args of [[odd], [odd, '--json']]) {
      const { code, stdout } = await ls(...args)
      expect(code).to.equal(0)
      expect(stdout).to.match(/^[\t\n -~]+$/)
      expect(stdout).to.include('x1b]0;odd'.slice(args.length === 1 ? 0 : 3))
    }
    const { stderr } = await ls(at('\x1b[2J'))
    expect(stderr).to.match(/^[ -~]+\n$/)
  })

  it('lists very many, to a reader that leaves early, too', async function () {
    this.timeout(60_000)
    const many = at('many.log')
    const start = Date.UTC(2016, 8, 7)
    for (let index = 0; index < 10_000; index++) {
      fs.closeSync(fs.openSync(at(formatBackupName(many, new Date(start + index))), 'w'))
    }
    const { code, stdout } = await ls(many)
    expect(code).to.equal(0)
    expect(stdout.split('\n')).to.have.lengthOf(10_001)
    const command = [...ROLLKEEPER, 'ls', many].map(word => `'${word}'`).join(' ')
    const script = `set -o pipefail; ${command} | head -n 1; ${command} --json | head -n 2`
    const left = await runProgram(['bash', '-c', script])
    expect(left).to.include({ code: 0, stderr: '' })
    expect(left.stdout.split('\n')[0]).to.include(formatBackupName(many, new Date(start + 9999)))
  })

  it('exits 1 when its output cannot be written', function () {
    if (!fs.existsSync('/dev/full')) {
      console.log('      skipped: no /dev/full here')
      this.skip()
    }
    const full = fs.openSync('/dev/full', 'w')
    const args = [...ROLLKEEPER.slice(1), 'ls', path]
    const stdio: StdioOptions = ['ignore', full, 'pipe']
    const { status, stderr } = spawnSync(process.execPath, args, { stdio })
    fs.closeSync(full)
    expect(status).to.equal(1)
    expect(String(stderr)).to.equal('rollkeeper: cannot write to standard output (ENOSPC)\n')
  })

  describe('on a terminal', () => {
    before(function () {
      if (terminalMissing()) this.skip()
    })

    it('shows a table, with a sum', async () => {
      const { code, text } = await onTerminal([...ROLLKEEPER, 'ls', path])
      expect(code).to.equal(0)
      const [title, active, first, second, sum, ...rest] = text.split('\r\n')
      expect(title).to.match(/^NAME {37}SIZE {2}AGE +STATE$/)
      expect(active).to.match(/^audit\.log {30,}7 B {2}\ds +active$/)
      expect(first).to.match(/^audit-\S+\.log {6,}100 B {2}2h +backup$/)
      expect(second).to.match(/^audit-\S+\.log\.gz {2}1\.5 KiB {2}3d 4h +archive$/)
      expect(sum).to.match(/^3 files +1\.6 KiB$/)
      expect(rest).to.deep.equal([''])
      const ends = [title, first, second, sum].map(line => /SIZE|\S+ (?:B|KiB)/.exec(line ?? ''))
      expect(new Set(ends.map(end => (end?.index ?? 0) + (end?.[0].length ?? 0)))).to.have.lengthOf(
        1,
      )
    })

    it('shows why something is held, and nothing that a terminal obeys', async () => {
      fs.writeFileSync(`${newer}.hold`, 'case\x1b[2J\n\x07more')
      const { text } = await onTerminal([...ROLLKEEPER, 'ls', path])
      expect(text).to.match(/^[\r\n -~]+$/)
      const lines = text.split('\r\n')
      expect(lines[0]).to.match(/ HELD$/)
      expect(lines[2]).to.match(/ {2}case\\x1b\[2J\\n\\x07more$/)
      expect(lines[4]).to.match(/^3 files .* 1 held$/)
    })
  })
})
