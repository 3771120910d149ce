import { expect } from 'chai'
import { archivePath, plainBackup, plainPath } from '../../lib/backup/backup.js'
import { formatBackupName, parseBackupName } from '../../lib/backup/backup-name.js'

const TIME = new Date('2016-09-07T13:03:57.400Z')
const STAMP = '2016-09-07T13-03-57.400'

describe('plainBackup', () => {
  it('is the backup of one time, beside the active file', () => {
    const name = formatBackupName('audit.log', TIME)
    expect(plainBackup('/logs/audit.log', TIME, 12)).to.deep.equal({
      path: `/logs/${name}`,
      name,
      time: TIME,
      bytes: 12,
      archived: false,
    })
  })
})

/** Active files, each with the names of its backup and of its archive. */
const NAMES = [
  ['audit.log', `audit-${STAMP}.log`, `audit-${STAMP}.log.gz`],
  ['audit', `audit-${STAMP}`, `audit-${STAMP}.gz`],
  ['.audit', `-${STAMP}.audit`, `-${STAMP}.audit.gz`],
  ['audit.gz', `audit-${STAMP}.gz`, `audit-${STAMP}.gz.gz`],
  ['audit.tar.gz', `audit.tar-${STAMP}.gz`, `audit.tar-${STAMP}.gz.gz`],
  ['.gz', `-${STAMP}.gz`, `-${STAMP}.gz.gz`],
] as const

/** What a listing says of a name: where it is, and whether it is an archive. */
const fileOf = (active: string, name: string) => ({
  path: `/logs.d/${name}`,
  archived: parseBackupName(active, name)?.archived ?? expect.fail(`${name} is no backup`),
})

describe('archivePath', () => {
  for (const [active, plain, archive] of NAMES) {
    it(`adds .gz to a backup of ${active}, and leaves its archive`, () => {
      expect(archivePath(fileOf(active, plain))).to.equal(`/logs.d/${archive}`)
      expect(archivePath(fileOf(active, archive))).to.equal(`/logs.d/${archive}`)
    })
  }
})

describe('plainPath', () => {
  for (const [active, plain, archive] of NAMES) {
    it(`takes .gz from an archive of ${active}, and leaves a backup, whatever it ends in`, () => {
      expect(plainPath(fileOf(active, plain))).to.equal(`/logs.d/${plain}`)
      expect(plainPath(fileOf(active, archive))).to.equal(`/logs.d/${plain}`)
    })
  }
})
