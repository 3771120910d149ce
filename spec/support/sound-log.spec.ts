import { basename, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import fs from 'fs-extra'
import { formatBackupName } from '../../lib/backup/backup-name.js'
import { bytesOf, bytesOfRange, Ledger, type Prepared } from './ledger.js'
import { expectSoundLog, findUnsoundness } from './sound-log.js'
import { plantStrangers, strangersOf } from './strangers.js'
import { temporaryDirectory } from './temporary-directory.js'

const FIRST = formatBackupName('audit.log', new Date('2016-09-03T08:00:00.000Z'))
const SECOND = formatBackupName('audit.log', new Date('2016-09-04T08:00:00.000Z'))

describe('a sound log', () => {
  const at = temporaryDirectory()
  const path = (): string => at('audit.log')
  const gap = '2016-09-07T13:03:57.400Z rollkeeper: gap records=1 bytes=9 why="ENOSPC"\n'

  /** Two backups and an active file, among strangers: records 1 to 6. */
  beforeEach(() => {
    plantStrangers(path())
    fs.writeFileSync(at(FIRST), bytesOfRange([1, 2]))
    fs.writeFileSync(at(SECOND), bytesOfRange([3, 4]))
    fs.writeFileSync(path(), bytesOfRange([5, 6]))
  })

  const ledgerOf = (prepared: Prepared = { acknowledged: 6 }): Ledger => new Ledger(prepared)
  const find = (
    ledger = ledgerOf(),
    moment: 'after a fault' | 'after a healthy close' = 'after a fault',
    elsewhere: string[] = [],
  ): string =>
    findUnsoundness(path(), ledger, { others: strangersOf(path()), elsewhere }, moment).join('\n')

  it('is found to be so, and goes on', async () => {
    expect(find()).to.equal('')
    expect(find(ledgerOf(), 'after a healthy close')).to.equal('')
    const ledger = ledgerOf()
    await expectSoundLog(path(), ledger, { others: strangersOf(path()) })
    expect(ledger.entries).to.have.length(8)
    expect(ledger.entries.every(({ fate }) => fate === 'acknowledged')).to.equal(true)
  })

  it('may have archives, lines that tell of gaps, and pieces that are closed off', () => {
    fs.writeFileSync(at(`${FIRST}.gz`), gzipSync(bytesOfRange([1, 2])))
    fs.unlinkSync(at(FIRST))
    fs.writeFileSync(at(`${SECOND}.gz`), 'half of an archive, beside its source')
    fs.appendFileSync(path(), `${gap}${gap.slice(0, 40)}\n\n`)
    fs.appendFileSync(path(), Buffer.concat([bytesOf(7).subarray(0, 9), Buffer.from('\n')]))
    expect(find(ledgerOf({ acknowledged: 6, unknown: 1 }))).to.equal('')
  })

  it('may have files with two names, which count once', () => {
    fs.renameSync(path(), at('.audit.log.rotating'))
    fs.linkSync(at('.audit.log.rotating'), at(formatBackupName('audit.log', new Date())))
    expect(find()).to.equal('')
  })

  const kinds: [string, string, () => void, Prepared?][] = [
    ['lost: record 4', 'a record is gone', () => fs.writeFileSync(at(SECOND), bytesOf(3))],
    ['lost: record 1', 'a backup is gone', () => fs.unlinkSync(at(FIRST))],
    ['lost: record 1', 'an archive is broken', () => fs.renameSync(at(FIRST), at(`${FIRST}.gz`))],
    ['doubled: record 6', 'a record is there twice', () => fs.appendFileSync(path(), bytesOf(6))],
    [
      'doubled: record 7',
      'a record is there twice whose fate nobody knows',
      () => fs.appendFileSync(path(), bytesOfRange([7, 7]).toString('latin1').repeat(2), 'latin1'),
      { acknowledged: 6, unknown: 1 },
    ],
    ['doubled: record 3', 'a backup is copied', () => fs.copySync(at(SECOND), at(nameLater()))],
    ['torn: ', 'a backup ends in a piece', () => fs.appendFileSync(at(SECOND), 'r')],
    [
      'glued or foreign: ',
      'a piece has no end',
      () => fs.writeFileSync(path(), Buffer.concat([bytesOf(5), Buffer.from('r6 '), bytesOf(6)])),
    ],
    [
      'glued or foreign: ',
      'a record is changed',
      () => fs.writeFileSync(path(), bytesOfRange([5, 6]).fill('?', 20, 21)),
    ],
    [
      'out of order: 5 comes after 6',
      'records changed places',
      () => fs.writeFileSync(path(), Buffer.concat([bytesOf(6), bytesOf(5)])),
    ],
    [
      'out of order: 1 comes after 4',
      'backups changed places',
      () => fs.renameSync(at(FIRST), at(nameLater())),
    ],
    ['invented: ', 'a record was never handed over', () => fs.appendFileSync(path(), bytesOf(7))],
    [
      'a stranger: audit.log.x',
      'a name is no log’s',
      () => fs.writeFileSync(at('audit.log.x'), ''),
    ],
    ['a stranger: ', 'a directory has a backup’s name', () => fs.mkdirSync(at(nameLater()))],
    ['a stranger: ', 'a hold has no backup', () => fs.writeFileSync(at(`${nameLater()}.hold`), '')],
    ['foreign touched: audit.log.1', 'a stranger is gone', () => fs.unlinkSync(at('audit.log.1'))],
    [
      'foreign touched: ',
      'a stranger was written to',
      () => fs.appendFileSync(at('audit.log.lock'), '\n'),
    ],
    [
      'foreign touched: ',
      'a stranger was copied',
      () => {
        fs.copyFileSync(at('audit.log.1'), at('copy'))
        fs.renameSync(at('copy'), at('audit.log.1'))
      },
    ],
    ['lost: the hold of', 'a hold is gone', () => undefined, { acknowledged: 6, held: [FIRST] }],
    [
      'was held',
      'a held backup is gone',
      () => fs.unlinkSync(at(FIRST)),
      { acknowledged: 6, held: [FIRST], prunable: [[1, 2]] },
    ],
    [
      'pruned in part',
      'a part of a backup is gone',
      () => fs.writeFileSync(at(FIRST), bytesOf(2)),
      { acknowledged: 6, prunable: [[1, 2]] },
    ],
    [
      'lost: 1 backups are left, not 2',
      'more was pruned than may be',
      () => fs.unlinkSync(at(FIRST)),
      { acknowledged: 6, prunable: [[1, 2]], backupsMin: 2 },
    ],
  ]
  for (const [problem, what, spoil, prepared] of kinds) {
    it(`is not what it is where ${what}`, () => {
      spoil()
      expect(find(ledgerOf(prepared))).to.include(problem)
    })
  }

  function nameLater(): string {
    return formatBackupName('audit.log', new Date('2016-09-05T08:00:00.000Z'))
  }

  it('may have lost what was reported, and no more', () => {
    const printed = ['taken', 'ended'].map(what => `${JSON.stringify({ what, number: 7 })}\n`)
    const told = `${JSON.stringify({ what: 'gap', records: 1 })}\n`
    const prepared = { acknowledged: 6 }
    expect(find(Ledger.read(printed.join(told), prepared))).to.equal('')
    expect(find(Ledger.read(printed.join(''), prepared))).to.include('silently lost: of records 7')
    expect(find(Ledger.read(printed[0]!, prepared)), 'the process was killed').to.equal('')
    const killed = `${JSON.stringify({ what: 'killed' })}\n`
    const after = Ledger.read(printed.join(killed), prepared)
    expect(find(after), 'it was killed, and another one came to its end').to.equal('')
  })

  it('may have lost what went with a file that somebody deleted', () => {
    const ledger = ledgerOf()
    ledger.excuse(fs.readFileSync(path()))
    fs.unlinkSync(path())
    expect(find(ledger)).to.equal('')
  })

  it('has the records that somebody moved elsewhere', () => {
    fs.renameSync(path(), at('moved'))
    expect(find(ledgerOf(), 'after a fault', ['moved'])).to.equal('')
    expect(find()).to.include('lost: record 5')
  })

  it('has nothing left over when a healthy log is closed, and no end of a file is torn', () => {
    for (const name of [
      '.audit.log.rotating',
      '.audit.log.rotating.2',
      '.audit.log.lock',
      `.${FIRST}.gz.tmp`,
    ]) {
      fs.writeFileSync(at(name), '')
      expect(find(), name).to.equal('')
      expect(find(ledgerOf(), 'after a healthy close')).to.equal(`left over: ${name}`)
      fs.unlinkSync(at(name))
    }
    fs.appendFileSync(path(), bytesOf(7).subarray(0, 9))
    const prepared = { acknowledged: 6, unknown: 1 }
    expect(find(ledgerOf(prepared))).to.equal('')
    expect(find(ledgerOf(prepared), 'after a healthy close')).to.include(
      `torn: ${basename(path())} ends in a piece`,
    )
  })

  it('does not go on where something stands in its way', async () => {
    const parent = join(at(), 'other')
    fs.mkdirSync(join(parent, 'audit.log'), { recursive: true })
    const others = { others: ['audit.log'] }
    const error = await expectSoundLog(join(parent, 'audit.log'), new Ledger(), others).catch(
      String,
    )
    expect(error).to.include('going on: a healthy log does not go on')
  })
})
