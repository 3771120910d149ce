import { resolve } from 'node:path'
import { inspect } from 'node:util'
import { expect } from 'chai'
import { parseOptions, type AppenderSettings } from '../../lib/appender/options.js'
import { plainBackup } from '../../lib/backup/backup.js'
import { mistyped } from '../audit/mistyped.js'

const FILE = { path: '/logs/audit.log', openedAt: new Date(0), bytes: 0 }
const PATH = '/logs/audit.log'

/** Reads options beside a path, of whatever types. */
const parse = (options: object): AppenderSettings => parseOptions({ path: PATH, ...options })

describe('parseOptions', () => {
  it('puts in the defaults', () => {
    const { rotation, ...settings } = parseOptions({ path: PATH })
    expect(settings).to.deep.equal({
      path: PATH,
      maxBytes: Infinity,
      rules: [],
      gzipLevel: undefined,
      durability: 'flush',
      syncIntervalMs: undefined,
      batchBytes: 65_536,
      maxPending: 16_777_216,
      onFull: 'wait',
      gapRecord: undefined,
      follow: true,
      processes: 'one',
      making: { file: { mode: 0o600 }, directoryMode: 0o700 },
    })
    expect(rotation(FILE)).to.deep.equal({})
  })

  it('takes undefined for an option that is left out', () => {
    const names = [
      'maxSize',
      'maxBackups',
      'maxAge',
      'maxTotalSize',
      'rotation',
      'retention',
      'durability',
    ]
    const more = ['batchBytes', 'mode', 'directoryMode', 'follow', 'compress', 'processes']
    const full = ['maxPending', 'onFull', 'gapRecord']
    const { rotation, ...settings } = parse(
      Object.fromEntries([...names, ...more, ...full].map(name => [name, undefined])),
    )
    const { rotation: byDefault, ...defaults } = parse({})
    expect(settings).to.deep.equal(defaults)
    expect(rotation(FILE)).to.deep.equal(byDefault(FILE))
  })

  it('takes what is given', () => {
    const settings = parse({
      durability: 'sync',
      batchBytes: '1MiB',
      maxPending: '2MB',
      onFull: 'throw',
      gapRecord: formatGapAside,
      follow: false,
      mode: 0o640,
      directoryMode: 0o750,
    })
    expect(settings).to.deep.include({
      durability: 'sync',
      batchBytes: 1_048_576,
      maxPending: 2_000_000,
      onFull: 'throw',
      gapRecord: formatGapAside,
      follow: false,
      making: { file: { mode: 0o640 }, directoryMode: 0o750 },
    })
    expect(parse({ batchBytes: 0 }).batchBytes).to.equal(0)
    expect(parse({ syncInterval: '1.5s' }).syncIntervalMs).to.equal(1500)
    expect(parse({ syncInterval: { minutes: 1 } }).syncIntervalMs).to.equal(60_000)
    expect(parse({ mode: 0, directoryMode: 0o777 }).making).to.deep.equal({
      file: { mode: 0 },
      directoryMode: 0o777,
    })
  })

  it('makes the path absolute, by the working directory of this moment', () => {
    expect(parseOptions({ path: 'logs/../audit.log' }).path).to.equal(resolve('audit.log'))
  })

  it('rotates at maxSize, and by rotation', () => {
    const rotation = () => ({ bytes: 2000, until: new Date(1000) })
    expect(parse({ maxSize: '1KiB' })).to.include({ maxBytes: 1024 })
    expect(parse({ maxSize: '1KiB' }).rotation(FILE)).to.deep.equal({})
    expect(parse({ maxSize: 1, rotation })).to.include({ maxBytes: 1, rotation })
  })

  it('retains by maxBackups, maxAge, maxTotalSize and retention, each by itself and its name', () => {
    const now = new Date('2016-09-30T00:00:00.000Z')
    const backups = [29, 20, 10, 1].map(day =>
      plainBackup(PATH, new Date(Date.UTC(2016, 8, day)), 1),
    )
    const daysGivenUp = (options: object): Record<string, number[]> =>
      Object.fromEntries(
        parse(options).rules.map(({ name, policy }) => {
          const givenUp = [...policy(backups, { now, freeBytes: 0 })]
          return [name, givenUp.map(({ time }) => time.getUTCDate())]
        }),
      )
    const retention = () => [backups[1]!]
    expect(daysGivenUp({})).to.deep.equal({})
    expect(daysGivenUp({ maxBackups: 3 })).to.deep.equal({ maxBackups: [1] })
    expect(daysGivenUp({ maxAge: { days: 20 } })).to.deep.equal({ maxAge: [1] })
    expect(daysGivenUp({ maxAge: '10d' })).to.deep.equal({ maxAge: [10, 1] })
    expect(daysGivenUp({ maxTotalSize: 2 })).to.deep.equal({ maxTotalSize: [1, 10] })
    expect(daysGivenUp({ retention })).to.deep.equal({ retention: [20] })
    expect(daysGivenUp({ maxBackups: 3, maxAge: '10d', retention })).to.deep.equal({
      maxBackups: [1],
      maxAge: [10, 1],
      retention: [20],
    })
  })

  it('compresses by gzip, at a level from 1 to 9', () => {
    expect(parse({ compress: false }).gzipLevel).to.equal(undefined)
    expect(parse({ compress: 'gzip' }).gzipLevel).to.equal(6)
    for (const gzip of [1, 6, 9]) expect(parse({ compress: { gzip } }).gzipLevel).to.equal(gzip)
  })

  it('refuses any other compression', () => {
    const expected = 'option compress: expected false,'
    for (const compress of [true, 'zip', 6, null, {}, { gzip: '6' }, { gzip: 6, zip: 1 }, []]) {
      expect(() => parse({ compress }), inspect(compress)).to.throw(TypeError, expected)
    }
    for (const gzip of [0, 10, 1.5, NaN, -1]) {
      expect(() => parse({ compress: { gzip } }), String(gzip)).to.throw(RangeError, expected)
    }
  })

  it('refuses options that are no object', () => {
    for (const options of [undefined, null, PATH, 7, () => ({ path: PATH })]) {
      expect(() => parseOptions(mistyped(options))).to.throw(
        TypeError,
        'options: expected an object with a path, got',
      )
    }
  })

  it('refuses a path that is none', () => {
    for (const path of [undefined, null, 7, Buffer.from(PATH), new URL('file:///logs/audit.log')]) {
      expect(() => parse({ path })).to.throw(TypeError, 'option path: expected the path of a file')
    }
    for (const path of ['', '/logs/', 'logs/', '/', 'a\0b']) {
      expect(() => parse({ path }), path).to.throw('option path: expected the path of a file')
    }
    expect(() => parseOptions(mistyped({}))).to.throw(TypeError, 'option path: expected')
  })

  it('refuses a file name so long that there is no room for the name of its backup', () => {
    for (const name of ['x'.repeat(255), 'x'.repeat(232), 'ü'.repeat(120)]) {
      expect(() => parse({ path: `/logs/${name}` })).to.throw(RangeError, 'option path: expected')
    }
    for (const name of ['x'.repeat(200), 'ü'.repeat(100)]) {
      expect(parse({ path: `/${'d'.repeat(250)}/${name}` }).path).to.match(new RegExp(`${name}$`))
    }
  })

  for (const [name, expected, values] of [
    ['maxSize', 'a whole number of bytes', [0, -1, 1.5, NaN, Infinity, '', '100M', '0MB', '100']],
    ['maxBackups', 'a whole number of backups', [0, -1, 1.5, NaN, Infinity]],
    ['maxAge', 'a duration longer than nothing', ['', '30', '0d', {}, { days: -1 }, '30 days']],
    ['syncInterval', 'a duration longer than nothing', ['', '1', '0s', {}, { seconds: 0 }]],
    ['batchBytes', 'a whole number of bytes', [-1, 1.5, NaN, '', '0', '64K']],
    ['maxPending', 'a whole number of bytes', [0, -1, 1.5, Infinity, '', '16M', '0MB']],
    ['mode', 'permission bits', [-1, 0o1000, 0o4755, 1.5, NaN]],
    ['directoryMode', 'permission bits', [-1, 0o1000, 0o1777, 1.5, NaN]],
  ] as const) {
    it(`refuses a ${name} of a value that cannot be`, () => {
      for (const value of values) {
        expect(() => parse({ [name]: value }), inspect(value)).to.throw(
          RangeError,
          `option ${name}: expected ${expected}`,
        )
      }
    })
  }

  for (const [name, expected, values] of [
    ['maxSize', 'a whole number of bytes', [null, true, {}, 1n]],
    ['maxBackups', 'a whole number of backups', [null, '3', true, {}, 3n]],
    ['maxAge', 'a duration longer than nothing', [null, 30, true, { day: 30 }]],
    ['syncInterval', 'a duration longer than nothing', [null, 1000, true, { second: 1 }]],
    ['rotation', 'a policy, which is a function', [null, '1d', { bytes: 7 }, 7]],
    ['retention', 'a policy, which is a function', [null, '30d', 30, []]],
    ['durability', '"flush" or "sync"', [null, 'fsync', 'SYNC', '', true, ['sync']]],
    ['batchBytes', 'a whole number of bytes', [null, true, {}]],
    ['maxPending', 'a whole number of bytes', [null, true, {}]],
    ['onFull', '"wait" or "drop" or "throw"', [null, 'block', 'Drop', '', true]],
    ['gapRecord', 'a function from a gap to a record', [null, 'gap\n', {}, 7]],
    ['mode', 'permission bits', [null, '600', '0o600', true]],
    ['directoryMode', 'permission bits', [null, '700', {}]],
    ['follow', 'true or false', [null, 0, 1, 'true', 'no', {}]],
  ] as const) {
    for (const value of values) {
      it(`refuses ${JSON.stringify(value, bigintAsText)} for ${name}`, () => {
        expect(() => parse({ [name]: value })).to.throw(
          TypeError,
          `option ${name}: expected ${expected}`,
        )
      })
    }
  }

  it('refuses an option that it does not know, by name, with the nearest that it knows', () => {
    for (const [name, near] of [
      ['maxSzie', 'maxSize'],
      ['maxsize', 'maxSize'],
      ['maxBackup', 'maxBackups'],
      ['maxage', 'maxAge'],
      ['compres', 'compress'],
      ['fallow', 'follow'],
      ['directorymode', 'directoryMode'],
    ] as const) {
      expect(() => parse({ [name]: 1 })).to.throw(
        TypeError,
        new RegExp(`^option ${name}: expected one of .*; did you mean ${near}\\?$`),
      )
    }
  })

  it('makes no guess for a name that is near to none', () => {
    expect(() => parse({ encoding: 'utf8' })).to.throw(
      TypeError,
      /^option encoding: expected one of /,
    )
    expect(() => parse({ encoding: 'utf8' })).not.to.throw(/did you mean/)
  })

  it('does not know names that every object has', () => {
    for (const name of ['constructor', 'toString', 'hasOwnProperty', 'valueOf']) {
      for (const value of [1, Reflect.get(Object.prototype, name)]) {
        expect(() => parse({ [name]: value })).to.throw(
          TypeError,
          `option ${name}: expected one of`,
        )
      }
    }
  })

  it('takes one process for granted, and refuses several until they work', () => {
    expect(parse({}).processes).to.equal('one')
    expect(parse({ processes: 'one' }).processes).to.equal('one')
    const expected = `option processes: expected "one": this version does not have "many" yet, got`
    expect(() => parse({ processes: 'many' })).to.throw(RangeError, expected)
    expect(() => parse({ processes: 2 })).to.throw(
      TypeError,
      'option processes: expected "one" or "many", got 2',
    )
  })
})

const formatGapAside = (): string => 'gap\n'

function bigintAsText(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}n` : value
}
