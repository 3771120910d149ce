import { expect } from 'chai'
import {
  countOf,
  listedBackup,
  listForPeople,
  listForPrograms,
  totalBytes,
  type ListedFile,
} from '../../lib/cli/file-listing.js'

const now = Date.parse('2016-09-10T17:03:57.400Z')
const time = new Date('2016-09-07T13:03:57.400Z')
const active: ListedFile = {
  path: '/logs/audit.log',
  bytes: 1536,
  time: new Date(now),
  state: 'active',
  note: '',
}
const backup = {
  path: '/logs/audit-2016-09-07T13-03-57.400.log',
  name: 'audit-2016-09-07T13-03-57.400.log',
  time,
  bytes: 100 * 1024 ** 2,
  archived: false,
}

describe('listForPeople', () => {
  it('says sizes and ages as people do', () => {
    const lines = [...listForPeople([active, listedBackup(backup, '')], 'HELD', now)]
    expect(lines.join('')).to.equal(
      'NAME                                    SIZE  AGE    STATE\n' +
        'audit.log                            1.5 KiB  0s     active\n' +
        'audit-2016-09-07T13-03-57.400.log  100.0 MiB  3d 4h  backup\n',
    )
  })

  it('has a column for notes where there are some, and a last row for the sum', () => {
    const files = [active, listedBackup({ ...backup, archived: true }, 'case 4711')]
    const lines = [...listForPeople(files, 'HELD', now, ['2 files', '1 held'])]
    expect(lines[0]).to.match(/ {2}STATE {4}HELD\n$/)
    expect(lines[2]).to.match(/ {2}archive {2}case 4711\n$/)
    expect(lines[3]).to.match(/^2 files {24,}100\.0 MiB +1 held\n$/)
  })
})

describe('listForPrograms', () => {
  it('has exact values with tabs between, and nothing else', () => {
    const files = [active, listedBackup({ ...backup, archived: true }, 'a\tb')]
    expect([...listForPrograms(files)]).to.deep.equal([
      '/logs/audit.log\t1536\t2016-09-10T17:03:57.400Z\tactive\t\n',
      `${backup.path}\t104857600\t2016-09-07T13:03:57.400Z\tarchive\ta\\tb\n`,
    ])
  })
})

describe('listedBackup', () => {
  it('tells an archive from a backup', () => {
    expect(listedBackup(backup, 'why')).to.include({ state: 'backup', note: 'why', time })
    expect(listedBackup({ ...backup, archived: true }, '')).to.include({ state: 'archive' })
  })
})

describe('totalBytes', () => {
  it('adds up', () => {
    expect(totalBytes([])).to.equal(0)
    expect(totalBytes([backup, active])).to.equal(100 * 1024 ** 2 + 1536)
  })
})

describe('countOf', () => {
  it('knows one from many', () => {
    expect([0, 1, 2].map(count => countOf(count, 'file'))).to.deep.equal([
      '0 files',
      '1 file',
      '2 files',
    ])
  })
})
