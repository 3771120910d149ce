import { join } from 'node:path'
import { expect } from 'chai'
import * as fc from 'fast-check'
import fs from 'fs-extra'
import { FileAppender } from '../../lib/appender/file-appender.js'
import { systemDisk, type Disk } from '../../lib/platform/disk.js'
import { ROLLKEEPER, runProgram } from '../support/run-program.js'
import { ManualClock } from '../support/manual-clock.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const disk: Disk = {
  ...systemDisk,
  datasync: async () => undefined,
  syncDirectory: async () => undefined,
}

const STAMP = '2016-09-06T08-00-00.000'
const PERFECT = `audit-${STAMP}.log`

/** Names of files are bytes (path_resolution(7)), so these are bytes, in Latin-1. */
const bytesOf = (text: string): string => Buffer.from(text).toString('latin1')

/** What looks like a character of a stamp, and is none. */
const LOOKALIKES: Readonly<Record<string, string[]>> = {
  '0': ['О', '〇', '٠', '０', '𝟎', 'O'],
  '1': ['l', '１', '١', '𝟏'],
  '2': ['２', '٢', '𝟚'],
  '-': ['‐', '–', '−', '_', '\u00ad'],
  T: ['t', 'Т', 'Τ', ' '],
  '.': ['．', '。', ',', '·', '\u2024'],
  a: ['а', 'ａ', 'A', 'á'],
  o: ['о', 'ο', '0'],
  l: ['1', 'I', 'ⅼ'],
}

/** Characters that make a name hard to read, to cut, or to print. */
const ODD = [
  '\n',
  '\r',
  '\t',
  '\x1b[31m',
  '\x7f',
  ' ',
  '\u00a0',
  '\u200b',
  '\u202e',
  '\ufeff',
  '\u0301',
  '*',
  '?',
  '$(x)',
  '`x`',
  ';',
  '&',
  '"',
  "'",
  '\\',
  '%2F',
  '..',
  '-',
  '--',
  '.',
  '~',
]

/** Bytes that are no UTF-8. */
const NO_TEXT = ['\xff', '\xc0\xaf', '\xed\xa0\x80', '\x80', '\xf5\x80\x80\x80']

const lookalike = fc
  .nat(PERFECT.length - 1)
  .chain(at =>
    fc.constantFrom(...(LOOKALIKES[PERFECT[at] ?? ''] ?? ['x'])).map(one => ({ at, one })),
  )
  .map(({ at, one }) => bytesOf(PERFECT.slice(0, at) + one + PERFECT.slice(at + 1)))

const inserted = fc
  .record({
    at: fc.nat(PERFECT.length),
    what: fc.oneof(fc.constantFrom(...ODD).map(bytesOf), fc.constantFrom(...NO_TEXT)),
    archive: fc.boolean(),
  })
  .map(
    ({ at, what, archive }) =>
      PERFECT.slice(0, at) + what + PERFECT.slice(at) + (archive ? '.gz' : ''),
  )

const ended = fc
  .constantFrom(
    '.log',
    '.gz.gz',
    '.GZ',
    '.gz\n',
    '.bz2',
    '.1',
    '~',
    '.tmp',
    '.hold~',
    ' .gz',
    '.gz.old',
  )
  .map(ending => PERFECT + ending)

const dated = fc
  .constantFrom(
    '2015-02-29T00-00-00.000',
    '2016-02-30T00-00-00.000',
    '2016-13-01T00-00-00.000',
    '2016-00-10T00-00-00.000',
    '2016-09-00T00-00-00.000',
    '2016-09-31T00-00-00.000',
    '2016-09-07T24-00-00.000',
    '2016-09-07T23-60-00.000',
    '2016-09-07T23-59-60.000',
    '+016-09-07T00-00-00.000',
    '-016-09-07T00-00-00.000',
    '2016-09-07T00:00:00.000',
    '1e10-09-07T00-00-00.000',
    '0x20-09-07T00-00-00.000',
    ' 016-09-07T00-00-00.000',
    '2016-09-07T00-00-00.00',
    '2016-09-07T00-00-00.0000',
    '2016-9-7T0-0-0.0',
    '',
  )
  .map(stamp => `audit-${stamp}.log`)

const long = fc
  .constantFrom(PERFECT, `.${PERFECT}`, `${PERFECT}.gz`, '-rf', '..', 'audit-')
  .map(start => start.padEnd(255, 'x'))

const hostileName = fc.oneof(lookalike, inserted, ended, dated, long)

/** Whether a name is that of a backup of this log, judged in another way than the library's. */
function isOwn(name: string): boolean {
  const [, date = '', time = ''] =
    /^audit-(\d{4}-\d\d-\d\d)T(\d\d-\d\d-\d\d\.\d{3})\.log(?:\.gz)?$/.exec(name) ?? []
  const iso = `${date}T${time.replaceAll('-', ':')}Z`
  const parsed = new Date(iso)
  return !Number.isNaN(parsed.getTime()) && parsed.toISOString() === iso && !name.endsWith('\n')
}

describe('names made to break the parser', function () {
  this.timeout(120_000)
  const at = temporaryDirectory()

  it('are neither listed, archived, held nor pruned, whether of files or of directories', async () => {
    let runs = 0
    const plants = fc.array(
      fc.record({ name: hostileName, kind: fc.constantFrom('file', 'directory') }),
      {
        minLength: 1,
        maxLength: 15,
      },
    )
    await fc.assert(
      fc.asyncProperty(plants, async all => {
        const directory = at(`run-${runs++}`)
        fs.mkdirSync(directory)
        const pathOf = (name: string): Buffer =>
          Buffer.concat([Buffer.from(`${directory}/`), Buffer.from(name, 'latin1')])
        const planted = new Set<string>()
        for (const { name, kind } of all) {
          // Cut to what a file system takes, which is what a hostile one would have to do too.
          const short = name.slice(0, 255)
          if (planted.has(short) || isOwn(short)) continue
          if (kind === 'directory') fs.mkdirSync(pathOf(short))
          else fs.writeFileSync(pathOf(short), `of ${short}`)
          planted.add(short)
        }
        fs.writeFileSync(join(directory, PERFECT), 'ours\n')

        const path = join(directory, 'audit.log')
        const clock = new ManualClock('2016-09-07T12:00:00.000Z')
        const log = new FileAppender(
          { path, compress: 'gzip', retention: backups => backups.slice(1) },
          { disk, clock },
        )
        await log.append('line\n')
        await log.rotate()
        await log.settled()
        const listed = (await log.backups()).map(({ name }) => name)
        await log.close()

        expect(listed).to.deep.equal(['audit-2016-09-07T12-00-00.000.log.gz'])
        const left = fs.readdirSync(directory, { encoding: 'latin1' })
        expect(left.toSorted()).to.deep.equal([...planted, 'audit.log', ...listed].toSorted())
        for (const name of planted) {
          const status = fs.lstatSync(pathOf(name))
          if (status.isFile()) expect(fs.readFileSync(pathOf(name), 'utf8')).to.equal(`of ${name}`)
        }
      }),
      { numRuns: 150 },
    )
  })

  it('do not come about by a base name of the same kind: each log knows its own, and no other', async () => {
    const actives = [
      '-rf',
      '--',
      '..log',
      '...',
      'audit\n.log',
      'audit\x1b[31m.log',
      '\u202egol.tidua',
      'a*?.log',

      '$(x).log',
      'ａudit.log',
      'audit-2016-09-06T08-00-00.000.log',
      '\ufffd.log',
      ' .log',
      'é.log',
    ]
    const logs = actives.map(name => {
      const clock = new ManualClock('2016-09-07T12:00:00.000Z')
      const path = at(name)
      return new FileAppender({ path, retention: backups => backups.slice(1) }, { disk, clock })
    })
    for (const round of [1, 2]) {
      for (const [index, log] of logs.entries()) {
        await log.append(`${index} ${round}\n`)
        await log.rotate()
        await log.settled()
      }
    }
    for (const [index, log] of logs.entries()) {
      const backups = await log.backups()
      expect(backups, actives[index]).to.have.length(1)
      expect(fs.readFileSync(backups[0]?.path ?? '', 'utf8')).to.equal(`${index} 2\n`)
      await log.close()
    }
    expect(fs.readdirSync(at())).to.have.length(2 * actives.length)
  })

  it('that take characters composed for decomposed are names of another log', async () => {
    const clock = new ManualClock('2016-09-07T12:00:00.000Z')
    fs.writeFileSync(at(`e\u0301-${STAMP}.log`), 'of another\n')
    const log = new FileAppender(
      { path: at('\u00e9.log'), retention: backups => backups },
      { disk, clock },
    )
    await log.settled()
    expect(await log.backups()).to.deep.equal([])
    await log.close()
    expect(fs.readFileSync(at(`e\u0301-${STAMP}.log`), 'utf8')).to.equal('of another\n')
  })

  it('are printed harmlessly by `rollkeeper ls`, one file to a line', async () => {
    const directory = at('\x1b[2J\nfolder\u202e')
    fs.mkdirSync(directory)
    fs.writeFileSync(join(directory, PERFECT), 'ours\n')
    fs.writeFileSync(join(directory, `${PERFECT}.hold`), 'why \x1b]0;title\x07\nand why\n')
    const { code, stdout } = await runProgram([...ROLLKEEPER, 'ls', join(directory, 'audit.log')])
    expect(code).to.equal(0)
    expect(stdout.trimEnd().split('\n')).to.have.length(1)
    // oxlint-disable-next-line no-control-regex
    expect(stdout.replaceAll(/[\t\n]/g, '')).not.to.match(/[\u0000-\u001f\u007f\u202e]/)
  })
})
