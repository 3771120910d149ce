import { basename } from 'node:path'
import { expect } from 'chai'
import fs from 'fs-extra'
import { feed, ROLLKEEPER, runProgram, startProgram, type Ended } from '../support/run-program.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { lookOf, makeBackup, numberedLines, readLog } from './log-directory.js'
import { onTerminal, terminalMissing } from './terminal.js'

const DAY_MS = 86_400_000

const prune = (...args: string[]): Promise<Ended> => runProgram([...ROLLKEEPER, 'prune', ...args])

describe('rollkeeper prune', () => {
  const at = temporaryDirectory()
  let path: string
  /** From one day old to five. */
  let backups: string[]

  beforeEach(() => {
    path = at('audit.log')
    fs.writeFileSync(path, 'record\n')
    backups = [1, 2, 3, 4, 5].map(days =>
      makeBackup(path, days * DAY_MS, days * 1000, days > 3 ? '.gz' : ''),
    )
    makeBackup(at('other.log'), 9 * DAY_MS)
    fs.writeFileSync(at('audit-notes.log'), 'foreign')
  })

  /** Which of the backups are there, by their age in days. */
  const left = (): number[] =>
    backups.flatMap((backup, index) => (fs.existsSync(backup) ? [index + 1] : []))

  /** Ages, bytes, states and rules that were told, of a listing for programs. */
  const told = (stdout: string): string[] =>
    stdout.split('\n').flatMap(line => {
      const [file = '', bytes, time, state, rule] = line.split('\t')
      if (line === '') return []
      expect(basename(file)).to.include(time?.slice(0, 13))
      return [`${backups.indexOf(file) + 1}d ${bytes} ${state} ${rule}`]
    })

  describe('--dry-run', () => {
    it('tells what would go and by which rule, oldest first, and touches nothing', async () => {
      const before = lookOf(at())
      const limits = ['--max-backups=4', '--max-age=84h', '--max-total-size', '5000']
      const { code, stdout, stderr } = await prune('--dry-run', path, ...limits)
      expect(lookOf(at())).to.deep.equal(before)
      expect(code).to.equal(0)
      expect(told(stdout)).to.deep.equal([
        '5d 5000 archive --max-backups',
        '4d 4000 archive --max-age',
        '3d 3000 backup --max-total-size',
      ])
      expect(stderr).to.equal('rollkeeper: would prune 3 of 5 backups, 11.7 KiB\n')
    })

    it('names the rules of kube-apiserver as they were typed', async () => {
      const limits = ['--audit-log-maxbackup=4', '--audit-log-maxage', '3']
      const { stdout } = await prune('--dry-run', path, ...limits)
      expect(told(stdout)).to.deep.equal([
        '5d 5000 archive --audit-log-maxbackup',
        '4d 4000 archive --audit-log-maxage',
        '3d 3000 backup --audit-log-maxage',
      ])
    })

    it('gives --json with a rule for each, and what they have together', async () => {
      const before = lookOf(at())
      const { code, stdout, stderr } = await prune('--json', '--dry-run', path, '--max-backups=3')
      expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' })
      expect(lookOf(at())).to.deep.equal(before)
      const { dryRun, bytes, pruned } = JSON.parse(stdout)
      expect({ dryRun, bytes }).to.deep.equal({ dryRun: true, bytes: 9000 })
      expect(pruned).to.have.lengthOf(2)
      expect(pruned[0]).to.include({ path: backups[4], bytes: 5000, archived: true })
      expect(pruned[0]).to.have.all.keys('path', 'name', 'time', 'bytes', 'archived', 'rule')
      expect(pruned[1]).to.include({ path: backups[3], rule: '--max-backups' })
    })

    it('spares what is held, and the newest unless it is too old', async () => {
      fs.writeFileSync(`${backups[4]}.hold`, 'why\n')
      const small = await prune('--dry-run', path, '--max-total-size=1')
      expect(told(small.stdout).map(line => line.slice(0, 2))).to.deep.equal(['4d', '3d', '2d'])
      const old = await prune('--dry-run', path, '--max-age=1h')
      expect(told(old.stdout).map(line => line.slice(0, 2))).to.deep.equal(['4d', '3d', '2d', '1d'])
    })

    it('asks the disk what is free', async () => {
      const all = await prune('--dry-run', path, '--keep-free=8000TiB')
      expect(told(all.stdout)).to.have.lengthOf(4).and.include('2d 2000 backup --keep-free')
      const none = await prune('--dry-run', path, '--keep-free=1')
      expect(none).to.include({ code: 0, stdout: '' })
      expect(none.stderr).to.equal('rollkeeper: would prune 0 of 5 backups, 0 B\n')
    })

    it('shows a table on a terminal, with the sum', async function () {
      if (terminalMissing()) this.skip()
      const command = [...ROLLKEEPER, 'prune', '--dry-run', path]
      const { code, text } = await onTerminal([...command, '--max-backups=3'])
      expect(code).to.equal(0)
      const [title, first, second, ...rest] = text.split('\r\n')
      expect(title).to.match(/^NAME +SIZE {2}AGE +STATE {4}RULE$/)
      expect(first).to.match(/^audit-\S+\.log\.gz {2}4\.9 KiB {2}5d +archive {2}--max-backups$/)
      expect(second).to.match(/^audit-\S+\.log\.gz {2}3\.9 KiB {2}4d +archive {2}--max-backups$/)
      expect(rest).to.deep.equal(['would prune 2 of 5 backups, 8.8 KiB', ''])
      const nothing = await onTerminal([...command, '--max-backups=9'])
      expect(nothing.text).to.equal('would prune 0 of 5 backups, 0 B\r\n')
    })
  })

  it('removes what the limits give up, tells it, and no more', async () => {
    fs.writeFileSync(`${backups[3]}.hold`, 'why\n')
    const { code, stdout, stderr } = await prune(path, '--max-age=60h', '--max-backups=4')
    expect(code).to.equal(0)
    expect(told(stdout)).to.deep.equal([
      '5d 5000 archive --max-backups',
      '3d 3000 backup --max-age',
    ])
    expect(stderr).to.equal('rollkeeper: pruned 2 of 5 backups, 7.8 KiB; 1 held\n')
    expect(left()).to.deep.equal([1, 2, 4])
    expect(fs.readFileSync(path, 'utf8')).to.equal('record\n')
    expect(fs.readdirSync(at())).to.have.lengthOf(7)
  })

  it('is silent where nothing goes, but for --json', async () => {
    const limit = '--max-backups=5'
    expect(await prune(path, limit)).to.include({ code: 0, stdout: '', stderr: '' })
    const { stdout } = await prune('--json', path, limit)
    expect(JSON.parse(stdout)).to.deep.equal({ dryRun: false, bytes: 0, pruned: [] })
  })

  it('prunes also where nobody reads what it tells', async () => {
    const running = startProgram([...ROLLKEEPER, 'prune', path, '--max-backups=1'])
    running.child.stdout?.destroy()
    running.child.stderr?.destroy()
    expect(await running.ended).to.include({ code: 0 })
    expect(left()).to.deep.equal([1])
  })

  it('exits 1 when one cannot be removed, tells which, and removes the others', async function () {
    const user = 65_534
    if (process.getuid?.() !== 0) {
      console.log('      skipped: only root can give files to others')
      this.skip()
    }
    // Sticky: another user may remove only what is his own.
    fs.chmodSync(at(), 0o1777)
    for (const backup of backups.filter((_, index) => index !== 4)) fs.chownSync(backup, user, user)
    const dropped = `process.setgid(${user}); process.setuid(${user}); await import(process.argv[1])`
    const loader = [...ROLLKEEPER.slice(0, -1), '--input-type=module', '-e', dropped]
    const main = ROLLKEEPER.slice(-1)
    const command = [...loader, ...main, 'prune', path, '--max-backups=3']
    const { code, stdout, stderr } = await runProgram(command)
    expect(stderr).to.match(
      /^rollkeeper: cannot prune \S+ \(E\w+\)[^\n]*\nrollkeeper: pruned 1 of 5/,
    )
    expect(stderr).to.include(backups[4])
    expect(code).to.equal(1)
    expect(told(stdout)).to.deep.equal(['4d 4000 archive --max-backups'])
    expect(left()).to.deep.equal([1, 2, 3, 5])
  })

  it('exits 1 where the backups may be those of another log, and --dry-run says so', async () => {
    fs.writeFileSync(at('audit'), '')
    fs.writeFileSync(at('audit.gz'), '')
    const ambiguous = makeBackup(at('audit.gz'), DAY_MS, 10)
    const { code, stdout, stderr } = await prune(at('audit'), '--max-age=1h')
    expect({ code, stdout }).to.deep.equal({ code: 1, stdout: '' })
    expect(stderr).to.match(/^rollkeeper: .* may be those of [^\n]*audit\.gz[^\n]*\n$/)
    expect(fs.existsSync(ambiguous)).to.equal(true)
    const dry = await prune('--dry-run', at('audit'), '--max-age=1h')
    expect(dry.code).to.equal(0)
    expect(dry.stdout).to.include(ambiguous)
    expect(dry.stderr).to.match(/may be those of .*\n.*would prune 1 of 1 backup,/)
  })

  it('exits 1 for no log', async () => {
    const { code, stdout, stderr } = await prune(at('none.log'), '--max-backups=1')
    expect({ code, stdout }).to.deep.equal({ code: 1, stdout: '' })
    expect(stderr).to.match(/^rollkeeper: no log at [^\n]+\n$/)
  })

  it('works beside a program that writes the log and prunes it too', async function () {
    this.timeout(60_000)
    for (const backup of backups) fs.removeSync(backup)
    fs.removeSync(path)
    const limits = ['--max-size=1kB', '--max-backups=20']
    const writer = startProgram([...ROLLKEEPER, 'write', `--path=${path}`, ...limits])
    let ended = false
    const pruning = (async () => {
      const codes = []
      while (!ended) {
        if (fs.existsSync(path)) codes.push(await prune(path, '--max-backups=3'))
        else await new Promise(setImmediate)
      }
      return codes
    })()
    const text = numberedLines(1, 40_000)
    for (let from = 0; from < text.length; from += 4000) {
      await feed(writer, text.slice(from, from + 4000))
      await new Promise(resolve => setTimeout(resolve, 30))
    }
    writer.child.stdin?.end()
    expect(await writer.ended).to.include({ code: 0, stderr: '' })
    ended = true
    const prunes = await pruning
    expect(prunes.map(({ code }) => code)).to.deep.equal(prunes.map(() => 0))
    expect(
      prunes.filter(({ stdout }) => stdout !== ''),
      'that pruned',
    ).to.have.lengthOf.at.least(1)
    expect(text.endsWith(await readLog(path)), 'the newest lines').to.equal(true)
  })
})
