import { expect } from 'chai'
import * as fc from 'fast-check'
import { formatBackupName, parseBackupName, rivalPath } from '../../lib/backup/backup-name.js'

const time = fc.date({
  min: new Date('0000-01-01T00:00:00.000Z'),
  max: new Date('9999-12-31T23:59:59.999Z'),
  noInvalidDate: true,
})

const stamp = time.map(date => date.toISOString().slice(0, -1).replaceAll(':', '-'))

/** Pieces of which names are made that look like others. */
const piece = fc.oneof(
  stamp,
  fc.constantFrom('audit', 'a', '.', '..', '.gz', '.log', '-', '.400', '2016-09-07T13-03-57', 'ü'),
  fc.string({ maxLength: 3 }),
)

/** Any name that a file can have, lone surrogates too. */
const fileName = fc
  .oneof(
    fc.constantFrom('.audit', 'audit.tar.gz', 'audit', 'audit.', 'audit.gz', '-', '.gz', '...'),
    fc.array(piece, { minLength: 1, maxLength: 5 }).map(pieces => pieces.join('')),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
    fc
      .array(fc.integer({ min: 1, max: 0xffff }), { minLength: 1, maxLength: 9 })
      .map(units => String.fromCharCode(...units)),
  )
  .filter(name => !/[/\0]/.test(name) && !['', '.', '..'].includes(name))

const directory = fc.constantFrom('', '/', './', '../', '/var/log/', 'logs.d/', 'a-b.c/d/')

/** A backup's name with something done to it that is easily overlooked. */
const mutated = fc
  .tuple(fileName, time, fc.boolean(), fc.nat(), fc.nat({ max: 2 }), fc.option(piece))
  .map(([path, date, archived, position, cut, inserted]) => {
    const name = formatBackupName(path, date) + (archived ? '.gz' : '')
    if (inserted === null) return [path, cut > 0 ? name.toUpperCase() : name.toLowerCase()] as const
    const at = position % (name.length + 1)
    return [path, name.slice(0, at) + inserted + name.slice(at + cut)] as const
  })

const arbitrary = fc.tuple(fileName, fc.oneof(fileName, fc.string()))

const joined = fc
  .tuple(fileName, fc.array(fc.oneof(stamp, piece), { maxLength: 6 }))
  .map(([path, pieces]) => [path, pieces.join('')] as const)

describe('formatBackupName and parseBackupName', () => {
  it('are inverse for any name and any time, in whichever directory', () => {
    fc.assert(
      fc.property(fileName, directory, directory, time, (name, one, other, date) => {
        const backup = formatBackupName(one + name, date)
        expect(parseBackupName(other + name, backup)).to.deep.equal({ time: date, archived: false })
        expect(parseBackupName(other + name, `${backup}.gz`)).to.deep.equal({
          time: date,
          archived: true,
        })
      }),
      { numRuns: 2000 },
    )
  })

  it('are exactly inverse: what parses is what would be formatted, to the last character', () => {
    fc.assert(
      fc.property(fc.oneof(mutated, arbitrary, joined), ([path, name]) => {
        const parsed = parseBackupName(path, name)
        if (parsed === undefined) return
        expect(formatBackupName(path, parsed.time) + (parsed.archived ? '.gz' : '')).to.equal(name)
      }),
      { numRuns: 10_000 },
    )
  })

  it('put the time before the last extension, and change nothing else of the name', () => {
    fc.assert(
      fc.property(fileName, time, (name, date) => {
        const dot = name.lastIndexOf('.')
        const cut = dot === -1 ? name.length : dot
        const text = date.toISOString().replaceAll(':', '-').replace('Z', '')
        expect(formatBackupName(name, date)).to.equal(
          `${name.slice(0, cut)}-${text}${name.slice(cut)}`,
        )
      }),
    )
  })

  it('sort as their times do', () => {
    fc.assert(
      fc.property(fileName, time, time, (path, one, other) => {
        const [first, second] = [formatBackupName(path, one), formatBackupName(path, other)]
        expect(Math.sign(one.getTime() - other.getTime())).to.equal(
          first < second ? -1 : first > second ? 1 : 0,
        )
      }),
    )
  })

  it('never claim the active file itself, nor what a rotation calls it meanwhile', () => {
    fc.assert(
      fc.property(fileName, path => {
        expect(parseBackupName(path, path)).to.equal(undefined)
        expect(parseBackupName(path, `.${path}.rotating`)).to.equal(undefined)
        expect(parseBackupName(path, `.${path}.lock`)).to.equal(undefined)
      }),
      { numRuns: 2000 },
    )
  })

  it('never claim a backup or an archive of another log, but for its rival', () => {
    const pair = fc.oneof(
      fc.tuple(fileName, fileName),
      fc.tuple(fileName, piece).map(([name, end]) => [name, name + end] as const),
      fc.tuple(fileName, piece).map(([name, start]) => [name, start + name] as const),
    )
    fc.assert(
      fc.property(pair, time, fc.boolean(), ([one, other], date, archived) => {
        fc.pre(one !== other && !/[/\0]/.test(other) && rivalPath(one) !== other)
        const name = formatBackupName(other, date) + (archived ? '.gz' : '')
        expect(parseBackupName(one, name), `${one} | ${other}`).to.equal(undefined)
      }),
      { numRuns: 5000 },
    )
  })
})
