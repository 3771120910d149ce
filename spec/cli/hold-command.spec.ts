import { basename } from 'node:path'
import { expect } from 'chai'
import fs from 'fs-extra'
import {
  ROLLKEEPER,
  runProgram,
  startProgram,
  waitFor,
  type Ended,
} from '../support/run-program.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { makeBackup } from './log-directory.js'

const FIRST = '2016-09-07T13:03:57.400Z'
const SECOND = '2016-09-08T13:03:57.400Z'

const rollkeeper = (...args: string[]): Promise<Ended> => runProgram([...ROLLKEEPER, ...args])

describe('rollkeeper hold', () => {
  const at = temporaryDirectory()
  let path: string
  let first: string
  let second: string

  beforeEach(() => {
    path = at('audit.log')
    first = makeBackup(path, FIRST, 10)
    second = makeBackup(path, SECOND, 10, '.gz')
  })

  /** Why a backup is held, as `ls` tells. */
  async function heldOf(backup: string): Promise<string | undefined> {
    const { stdout } = await rollkeeper('ls', '--json', path)
    const all: { path: string; held?: string }[] = JSON.parse(stdout).backups
    return all.find(one => one.path === backup)?.held
  }

  it('holds a backup by its file, and a prune spares it', async () => {
    fs.chmodSync(first, 0o640)
    const { code, stdout, stderr } = await rollkeeper('hold', first, 'legal', 'case  4711')
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' })
    expect(stdout).to.equal(`held ${first}: legal case  4711\n`)
    expect(fs.readFileSync(`${first}.hold`, 'utf8')).to.equal('legal case  4711\n')
    expect(fs.statSync(`${first}.hold`).mode & 0o777).to.equal(0o640)
    expect(await heldOf(first)).to.equal('legal case  4711')
    expect(fs.readdirSync(at())).to.have.lengthOf(3)
    expect(fs.existsSync(path)).to.equal(false)
    await rollkeeper('prune', path, '--max-age=1s')
    expect(fs.readdirSync(at()).sort()).to.deep.equal([basename(first), `${basename(first)}.hold`])
  })

  it('holds backups by their log and their names, and gives another reason', async () => {
    const names = [basename(first), basename(second)]
    expect(await rollkeeper('hold', path, ...names, 'why')).to.include({ code: 0, stderr: '' })
    expect(await rollkeeper('hold', second, 'another')).to.include({ code: 0, stderr: '' })
    expect(await heldOf(first)).to.equal('why')
    expect(await heldOf(second)).to.equal('another')
  })

  it('holds a backup that was compressed since it was named', async () => {
    const { code, stderr } = await rollkeeper('hold', second.replace('.gz', ''), 'why')
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' })
    expect(await heldOf(second)).to.equal('why')
  })

  it('exits 1 for a backup that is not there, and holds the others', async () => {
    const missing = at('audit-2016-09-09T13-03-57.400.log')
    const { code, stdout, stderr } = await rollkeeper('hold', missing, first, 'why')
    expect(code).to.equal(1)
    expect(stderr).to.equal(`rollkeeper: cannot hold ${missing} (there is no such backup)\n`)
    expect(stdout).to.equal(`held ${first}: why\n`)
    expect(fs.existsSync(`${missing}.hold`)).to.equal(false)
    expect(fs.existsSync(`${first}.hold`)).to.equal(true)
  })

  it('exits 1 where the backup goes in the same moment, and leaves no hold', async () => {
    const { ended } = startProgram([...ROLLKEEPER, 'hold', first, 'why'])
    await waitFor('a hold', () => fs.existsSync(`${first}.hold`))
    fs.unlinkSync(first)
    const { code, stdout, stderr } = await ended
    expect({ code, stdout }).to.deep.equal({ code: 1, stdout: '' })
    expect(stderr).to.equal(`rollkeeper: cannot hold ${first} (it was pruned in this moment)\n`)
    expect(fs.readdirSync(at())).to.deep.equal([basename(second)])
  })

  it('shows nothing that a terminal obeys', async () => {
    const { code, stdout } = await rollkeeper('hold', first, 'a\x1b[2J\nb')
    expect(code).to.equal(0)
    expect(stdout).to.equal(`held ${first}: ${String.raw`a\x1b[2J\nb`}\n`)
    expect(await heldOf(first)).to.equal('a\x1b[2J\nb')
  })

  describe('rollkeeper release', () => {
    it('lets backups be pruned again', async () => {
      fs.writeFileSync(`${first}.hold`, '')
      fs.writeFileSync(`${second.replace('.gz', '')}.hold`, '')
      const { code, stdout, stderr } = await rollkeeper('release', first, second)
      expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' })
      expect(stdout).to.equal(`released ${first}\nreleased ${second}\n`)
      expect(fs.readdirSync(at()).sort()).to.deep.equal([first, second].map(one => basename(one)))
    })

    it('takes the log and the name, and does not mind what is not held', async () => {
      const { code, stdout, stderr } = await rollkeeper('release', path, basename(first))
      expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' })
      expect(stdout).to.equal(`${first} was not held\n`)
    })

    it('takes away a hold that holds nothing, and exits 1 where there is nothing at all', async () => {
      const missing = at('audit-2016-09-09T13-03-57.400.log')
      fs.writeFileSync(`${missing}.hold`, '')
      const hold = await rollkeeper('release', missing)
      expect(hold).to.include({ code: 0, stdout: `released ${missing}\n` })
      const { code, stdout, stderr } = await rollkeeper('release', missing, first)
      expect({ code, stdout }).to.deep.equal({ code: 1, stdout: `${first} was not held\n` })
      expect(stderr).to.equal(`rollkeeper: cannot release ${missing} (there is no such backup)\n`)
    })
  })
})
