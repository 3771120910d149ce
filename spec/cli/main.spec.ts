import { expect } from 'chai'
import fs from 'fs-extra'
import { join } from 'node:path'
import { makeDirectory } from './log-directory.js'
import { ROLLKEEPER, runProgram, type Ended } from '../support/run-program.js'

const rollkeeper = (...args: string[]): Promise<Ended> => runProgram([...ROLLKEEPER, ...args])

const WORDS = (
  '--path --max-size --max-backups --max-age --audit-log-path --audit-log-maxsize ' +
  '--audit-log-maxbackup --audit-log-maxage KiB MiB days default: absent SIGHUP SIGUSR1 SIGTERM ' +
  'SIGINT codes: Example:'
).split(' ')

describe('rollkeeper', () => {
  it('explains options, units, defaults, signals and exit codes, with an example', async () => {
    for (const args of [['--help'], ['write', '--help']]) {
      const { code, stdout, stderr } = await rollkeeper(...args)
      expect(code).to.equal(0)
      expect(stderr).to.equal('')
      for (const word of WORDS) expect(stdout).to.include(word)
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
