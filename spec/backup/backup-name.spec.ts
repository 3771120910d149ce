import { expect } from 'chai'
import { formatBackupName, parseBackupName, rivalPath } from '../../lib/backup/backup-name.js'
import { mistyped } from '../audit/mistyped.js'

const TIME = new Date('2016-09-07T13:03:57.400Z')
const STAMP = '2016-09-07T13-03-57.400'

/** Paths and their backups, by the extension rule of Go's `filepath.Ext`. */
const NAMES = [
  ['audit.log', `audit-${STAMP}.log`],
  ['audit', `audit-${STAMP}`],
  ['.audit', `-${STAMP}.audit`],
  ['audit.tar.gz', `audit.tar-${STAMP}.gz`],
  ['.audit.log', `.audit-${STAMP}.log`],
  ['audit.', `audit-${STAMP}.`],
  ['audit..log', `audit.-${STAMP}.log`],
  ['foo-bar.log', `foo-bar-${STAMP}.log`],
  ['a-2016-09-07T13-03-57.400', `a-2016-09-07T13-03-57-${STAMP}.400`],
  ['протокол ü.журнал', `протокол ü-${STAMP}.журнал`],
  ['log.d/audit', `audit-${STAMP}`],
  ['./logs.d/audit.log', `audit-${STAMP}.log`],
  ['/var/log/audit.log', `audit-${STAMP}.log`],
] as const

describe('formatBackupName', () => {
  for (const [path, name] of NAMES) {
    it(`calls a backup of ${path} ${name}`, () => {
      expect(formatBackupName(path, TIME)).to.equal(name)
    })
  }

  it('tells the time in UTC, whatever the zone of the process', () => {
    const zone = process.env['TZ']
    try {
      for (const other of ['America/St_Johns', 'Asia/Kolkata', 'UTC']) {
        process.env['TZ'] = other
        expect(formatBackupName('audit.log', TIME)).to.equal(`audit-${STAMP}.log`)
      }
    } finally {
      if (zone === undefined) delete process.env['TZ']
      else process.env['TZ'] = zone
    }
  })

  it('writes years of fewer digits with four, and all fields with their width', () => {
    for (const [time, stamp] of [
      ['0000-01-01T00:00:00.000Z', '0000-01-01T00-00-00.000'],
      ['0099-02-03T04:05:06.007Z', '0099-02-03T04-05-06.007'],
      ['9999-12-31T23:59:59.999Z', '9999-12-31T23-59-59.999'],
    ] as const) {
      expect(formatBackupName('a', new Date(time))).to.equal(`a-${stamp}`)
    }
  })

  it('refuses a time that a name cannot tell', () => {
    for (const time of [
      new Date(NaN),
      new Date(253_402_300_800_000),
      new Date(-62_167_219_200_001),
    ]) {
      expect(() => formatBackupName('audit.log', time)).to.throw(
        RangeError,
        'formatBackupName(time): expected a valid Date of a year from 0 to 9999, got',
      )
    }
  })

  it('refuses arguments of other types, and an empty path', () => {
    for (const time of [TIME.getTime(), TIME.toISOString(), undefined, null, {}]) {
      expect(() => formatBackupName('audit.log', mistyped(time))).to.throw(
        TypeError,
        'formatBackupName(time): expected a Date, got',
      )
    }
    for (const path of [undefined, null, 7, '', Buffer.from('audit.log')]) {
      expect(() => formatBackupName(mistyped(path), TIME)).to.throw(
        TypeError,
        'formatBackupName(path): expected the path of the active file, got',
      )
    }
  })
})

describe('parseBackupName', () => {
  for (const [path, name] of NAMES) {
    it(`reads ${name} as a backup of ${path}, and with .gz as an archive`, () => {
      expect(parseBackupName(path, name)).to.deep.equal({ time: TIME, archived: false })
      expect(parseBackupName(path, `${name}.gz`)).to.deep.equal({ time: TIME, archived: true })
    })
  }

  it('refuses names without the extension, without the prefix, and the plain file', () => {
    for (const name of [`foobar-${STAMP}`, `${STAMP}.log`, 'foobar.log', `-${STAMP}.log`, '']) {
      expect(parseBackupName('foobar.log', name), name).to.equal(undefined)
    }
  })

  it('refuses a name of which only a part parses', () => {
    const whole = `audit-${STAMP}.log`
    const before = ['x', ' ', '.', '-', 'logs/', './', '\n', '\0'].map(text => text + whole)
    const after = ['x', ' ', '~', '.1', '.gz.gz', '.gz~', '.GZ', '.tmp', '.hold', '\n', '/', '\0']
    for (const name of [...before, ...after.map(text => whole + text)]) {
      expect(parseBackupName('audit.log', name), JSON.stringify(name)).to.equal(undefined)
    }
  })

  it('refuses the private names of a rotation and of an archive in the making', () => {
    for (const name of ['.audit.log.rotating', `.audit-${STAMP}.log.gz.tmp`, '.audit.log.lock']) {
      expect(parseBackupName('audit.log', name), name).to.equal(undefined)
    }
  })

  it('refuses another case, another dash, and digits of other scripts', () => {
    for (const name of [
      `Audit-${STAMP}.log`,
      `audit-${STAMP}.LOG`,
      `audit_${STAMP}.log`,
      `audit\u2010${STAMP}.log`,
      `audit-${STAMP.toLowerCase()}.log`,
      `audit-${STAMP.replace('2016', '２０１６')}.log`,
      `audit-${STAMP.replace('2016', '٢٠١٦')}.log`,
    ]) {
      expect(parseBackupName('audit.log', name), name).to.equal(undefined)
    }
  })

  it('refuses a stamp in another form', () => {
    for (const stamp of [
      '2016-09-07T13:03:57.400',
      '2016-09-07T13-03-57',
      '2016-09-07T13-03-57.40',
      '2016-09-07T13-03-57.4000',
      '2016-09-07T13-03-57,400',
      '2016-09-07T13-03-57.400Z',
      '2016-09-07 13-03-57.400',
      '2016-9-07T13-03-57.4000',
      '+2016-09-07T13-03-57.400',
      '-016-09-07T13-03-57.400',
      '12016-09-07T13-03-57.400',
      '1473253437400',
    ]) {
      expect(parseBackupName('audit.log', `audit-${stamp}.log`), stamp).to.equal(undefined)
    }
  })

  it('refuses a time that never was', () => {
    for (const stamp of [
      '2016-02-30T13-03-57.400',
      '2015-02-29T13-03-57.400',
      '2016-04-31T13-03-57.400',
      '2016-13-01T13-03-57.400',
      '2016-00-01T13-03-57.400',
      '2016-09-00T13-03-57.400',
      '2016-09-07T24-00-00.000',
      '2016-09-07T13-60-57.400',
      '2016-12-31T23-59-60.000',
    ]) {
      expect(parseBackupName('audit.log', `audit-${stamp}.log`), stamp).to.equal(undefined)
    }
    expect(parseBackupName('a', 'a-2016-02-29T00-00-00.000')).not.to.equal(undefined)
  })

  it('does not take a backup of another log for its own', () => {
    for (const [path, other] of [
      ['audit.log', 'audit'],
      ['audit.log', 'audit.log.1'],
      ['audit.log', 'audit-2.log'],
      ['audit.log', 'myaudit.log'],
      ['audit.tar.gz', 'audit.gz'],
      ['a', `a-${STAMP}`],
      ['app.log', 'app1.log'],
    ] as const) {
      expect(parseBackupName(path, formatBackupName(other, TIME)), other).to.equal(undefined)
      expect(parseBackupName(other, formatBackupName(path, TIME)), path).to.equal(undefined)
    }
  })

  it('refuses arguments of other types', () => {
    for (const name of [undefined, null, 7, Buffer.from(`audit-${STAMP}`)]) {
      expect(() => parseBackupName('audit', mistyped(name))).to.throw(
        TypeError,
        'parseBackupName(name): expected a file name, got',
      )
    }
    for (const path of [undefined, '']) {
      expect(() => parseBackupName(mistyped(path), 'audit')).to.throw(
        TypeError,
        'parseBackupName(path): expected the path of the active file, got',
      )
    }
  })
})

describe('rivalPath', () => {
  it('names the log whose backups are called like archives, and the other way round', () => {
    expect(rivalPath('/logs/audit')).to.equal('/logs/audit.gz')
    expect(rivalPath('/logs/audit.gz')).to.equal('/logs/audit')
    expect(rivalPath('/logs.d/audit')).to.equal('/logs.d/audit.gz')
  })

  it('names none where the names differ', () => {
    for (const path of ['/logs/audit.log', '/logs/audit.log.gz', '/logs/.audit', '/logs/a.b']) {
      expect(rivalPath(path), path).to.equal(undefined)
    }
  })
})
