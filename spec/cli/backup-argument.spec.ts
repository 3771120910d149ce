import { join, relative } from 'node:path'
import { expect } from 'chai'
import fs from 'fs-extra'
import { parseBackupArguments, type NamedBackup } from '../../lib/cli/backup-argument.js'
import { UsageError } from '../../lib/cli/report.js'
import { systemDisk } from '../../lib/platform/disk.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const NAME = 'audit-2016-09-07T13-03-57.400.log'
const LATER = 'audit-2016-09-08T13-03-57.400.log'

describe('parseBackupArguments', () => {
  const at = temporaryDirectory()
  const parse = (...words: string[]): { backups: NamedBackup[]; rest: string[] } =>
    parseBackupArguments(systemDisk, words)
  const backup = (name: string, archived = false): NamedBackup => ({
    active: at('audit.log'),
    path: at(name),
    archived,
  })

  it('reads the path of a backup', () => {
    const expected = { backups: [backup(NAME)], rest: ['legal', 'case'] }
    expect(parse(at(NAME), 'legal', 'case')).to.deep.equal(expected)
    expect(parse(relative('.', at(NAME)), 'legal', 'case')).to.deep.equal(expected)
  })

  it('reads the path of a log, and the name or the path of a backup', () => {
    const expected = { backups: [backup(NAME)], rest: ['why'] }
    expect(parse(at('audit.log'), NAME, 'why')).to.deep.equal(expected)
    expect(parse(at('audit.log'), at(NAME), 'why')).to.deep.equal(expected)
    expect(parse(relative('.', at('audit.log')), relative('.', at(NAME)), 'why')).to.deep.equal(
      expected,
    )
  })

  it('reads several, as a shell gives them for a pattern', () => {
    const expected = { backups: [backup(NAME), backup(`${LATER}.gz`, true)], rest: ['why'] }
    expect(parse(at(NAME), at(`${LATER}.gz`), 'why')).to.deep.equal(expected)
    expect(parse(at('audit.log'), NAME, `${LATER}.gz`, 'why')).to.deep.equal(expected)
  })

  it('reads backups of several logs', () => {
    const { backups, rest } = parse(at(NAME), join(at(), 'other', NAME.replace('audit', 'x')))
    expect(backups.map(({ active }) => active)).to.deep.equal([
      at('audit.log'),
      at('other', 'x.log'),
    ])
    expect(rest).to.deep.equal([])
  })

  it('takes the log that is there, where a name could be of two', () => {
    const name = 'audit-2016-09-07T13-03-57.400.gz'
    const archive = { active: at('audit'), path: at(name), archived: true }
    expect(parse(at(name)).backups).to.deep.equal([archive])
    fs.writeFileSync(at('audit.gz'), '')
    const plain = { active: at('audit.gz'), path: at(name), archived: false }
    expect(parse(at(name)).backups).to.deep.equal([plain])
    expect(parse(at('audit'), name).backups).to.deep.equal([archive])
    fs.writeFileSync(at('audit'), '')
    expect(parse(at(name)).backups).to.deep.equal([archive])
  })

  const wrong: [string, string[]][] = [
    ['no backup', ['audit.log', 'because']],
    ['nothing behind the log', ['audit.log']],
    ['a backup of another log', ['audit.log', NAME.replace('audit', 'other')]],
    ['a backup of another log behind one of this', ['audit.log', NAME, NAME.replace('a', 'b')]],
    ['a backup in another directory', ['audit.log', `elsewhere/${NAME}`]],
    ['a hold', [`${NAME}.hold`, 'because']],
    ['nothing', ['']],
  ]
  for (const [what, words] of wrong) {
    it(`refuses ${what}: ${words.join(' ')}`, () => {
      expect(() => parse(...words)).to.throw(UsageError)
    })
  }

  it('shows what a name looks like', () => {
    expect(() => parse('/logs/audit.log', 'because')).to.throw(
      'backup: expected the file of a backup, or a log and its backups, such as ' +
        'audit-2016-09-07T13-03-57.400.log of /logs/audit.log, got "/logs/audit.log because"',
    )
  })
})
