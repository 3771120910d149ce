import { expect } from 'chai'
import fs from 'fs-extra'
import { join } from 'node:path'
import { makeDirectory } from './log-directory.js'
import { ROLLKEEPER, runProgram, type Ended } from '../support/run-program.js'

const rollkeeper = (...args: string[]): Promise<Ended> => runProgram([...ROLLKEEPER, ...args])

/** What the help of each command has to explain. */
const WORDS: Readonly<Record<string, string>> = {
  write:
    '--path --max-size --max-backups --max-age --max-total-size --keep-free --every --time-zone ' +
    '--compress --durability --audit-log-path --audit-log-maxsize --audit-log-maxbackup ' +
    '--audit-log-maxage --audit-log-compress KiB MiB days default: absent flush sync gzip ' +
    'SIGHUP SIGUSR1 SIGTERM SIGINT codes: Example:',
  ls: 'path --json newest first tabs codes:',
  prune:
    'path --dry-run --json --max-backups --max-age --max-total-size --keep-free ' +
    '--audit-log-maxbackup --audit-log-maxage held newest codes: Example:',
  hold: 'path backup why .hold codes: Examples:',
  release: 'path backup codes:',
}

describe('rollkeeper', () => {
  for (const [command, words] of Object.entries(WORDS)) {
    it(`explains ${command}, with its exit codes`, async () => {
      const { code, stdout, stderr } = await rollkeeper(command, '--help')
      expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' })
      expect(stdout).to.include(`Usage: rollkeeper ${command} `)
      for (const word of words.split(' ')) expect(stdout).to.include(word)
      for (const line of stdout.split('\n')) expect(line).to.have.lengthOf.at.most(100)
    })
  }

  it('explains all of them at once', async () => {
    const { code, stdout, stderr } = await rollkeeper('--help')
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' })
    for (const [command, words] of Object.entries(WORDS)) {
      expect(stdout).to.match(new RegExp(`^  ${command} `, 'm'))
      for (const word of words.split(' ')) expect(stdout).to.include(word)
    }
  })

  it('tells its version', async () => {
    const { version } = fs.readJsonSync('package.json')
    expect(await rollkeeper('--version')).to.include({ code: 0, stdout: `${version}\n` })
  })

  const wrong: [string, string[]][] = [
    ['a command is missing', []],
    [`unknown command 'wirte'`, ['wirte']],
    [`unknown option '--max-sise=1MiB'`, ['write', '--path=x', '--max-sise=1MiB']],
    ['--path or --audit-log-path is required', ['write']],
    [`'--path <file>' argument missing`, ['write', '--path']],
    ['--path and --audit-log-path', ['write', '--path=x', '--audit-log-path=y']],
    ['--audit-log-maxsize', ['write', '--audit-log-path=x', '--audit-log-maxsize=-1']],
    ['--audit-log-maxbackup', ['write', '--audit-log-path=x', '--audit-log-maxbackup', '-1']],
    ['--audit-log-maxage', ['write', '--audit-log-path=x', '--audit-log-maxage=1.5']],
    ['--max-size', ['write', '--path=x', '--max-size=100M']],
    ['--max-backups', ['write', '--path=x', '--max-backups=0']],
    ['--max-age', ['write', '--path=x', '--max-age=30']],
    ['too many arguments', ['write', '--path=x', 'y']],
    ['--durability', ['write', '--path=x', '--durability=maybe']],
    [`missing required argument 'path'`, ['ls']],
    [`path: expected`, ['ls', 'logs/']],
    ['too many arguments', ['ls', 'x', 'y']],
    ['a limit is missing', ['prune', 'x']],
    ['a limit is missing', ['prune', '--dry-run', 'x', '--audit-log-maxbackup=0']],
    ['--max-total-size', ['prune', 'x', '--max-total-size=1G']],
    ['--max-age and --audit-log-maxage', ['prune', 'x', '--max-age=1d', '--audit-log-maxage=1']],
    ['is a backup', ['prune', 'x-2016-09-07T13-03-57.400.log', '--max-age=1d']],
    ['missing required argument', ['hold']],
    ['why is missing', ['hold', 'x-2016-09-07T13-03-57.400.log', ' ']],
    ['why is missing', ['hold', 'x.log', 'x-2016-09-07T13-03-57.400.log']],
    ['backup: expected', ['hold', 'x.log', 'because']],
    ['backup: expected', ['release', 'x-2016-09-07T13-03-57.400.log', 'because']],
  ]
  for (const [said, args] of wrong) {
    it(`exits 2 for "${args.join(' ')}", saying ${said} in one line`, async () => {
      const { code, stdout, stderr } = await rollkeeper(...args)
      expect(code).to.equal(2)
      expect(stdout).to.equal('')
      expect(stderr)
        .to.match(/^rollkeeper: [^\n]+\n$/)
        .and.include(said)
    })
  }

  it('exits 2 and makes nothing for a name no file can have', async () => {
    const directory = makeDirectory()
    const { code, stderr } = await rollkeeper('write', `--path=${join(directory, 'x'.repeat(250))}`)
    expect(code).to.equal(2)
    expect(stderr).to.include('path')
    expect(fs.readdirSync(directory)).to.deep.equal([])
    await fs.remove(directory)
  })
})
