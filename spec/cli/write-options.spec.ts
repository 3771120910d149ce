import { expect } from 'chai'
import type { FileAppenderOptions } from '../../lib/appender/options.js'
import { auditGapEvent } from '../../lib/audit/audit-event.js'
import { parseWriteFlags, type WriteFlags } from '../../lib/cli/write-options.js'
import { UsageError } from '../../lib/cli/report.js'

const MIB = 1_048_576
const DAY_MS = 86_400_000
const none = {
  maxSize: undefined,
  rotation: undefined,
  maxBackups: undefined,
  maxAge: undefined,
  maxTotalSize: undefined,
  retention: undefined,
  compress: undefined,
  durability: undefined,
  gapRecord: undefined,
}

/** The options of the log that the flags ask for. */
function optionsOf(flags: WriteFlags): FileAppenderOptions {
  const target = parseWriteFlags(flags)
  if (target === 'standard output') throw new Error('a log was asked for')
  return target.options
}

describe('parseWriteFlags', () => {
  it('sets no limit for a path alone', () => {
    expect(optionsOf({ path: 'a.log' })).to.deep.equal({ path: 'a.log', ...none })
  })

  it('takes 100 MiB, all backups, for ever, where kube-apiserver is given a path alone', () => {
    const target = { path: 'a.log', ...none, maxSize: 100 * MIB }
    expect(optionsOf({ auditLogPath: 'a.log' })).to.deep.equal(target)
  })

  it('reads 0 of kube-apiserver as it does: 100 MiB, all, for ever', () => {
    const zeros = { auditLogMaxsize: '0', auditLogMaxbackup: '0', auditLogMaxage: '0' }
    const target = { path: 'a.log', ...none, maxSize: 100 * MIB }
    expect(optionsOf({ auditLogPath: 'a.log', ...zeros })).to.deep.equal(target)
    expect(optionsOf({ path: 'a.log', ...zeros })).to.deep.equal(target)
  })

  it('reads the units of kube-apiserver: MiB, backups, days', () => {
    const flags = { auditLogMaxsize: '7', auditLogMaxbackup: '3', auditLogMaxage: '30' }
    expect(optionsOf({ auditLogPath: 'a.log', ...flags })).to.deep.equal({
      ...none,
      path: 'a.log',
      maxSize: 7 * MIB,
      maxBackups: 3,
      maxAge: { seconds: 30 * 86_400 },
    })
  })

  it('reads sizes and times with units, and a bare size as bytes', () => {
    const flags = { maxSize: '1.5MiB', maxBackups: '3', maxAge: '30d' }
    expect(optionsOf({ path: 'a.log', ...flags })).to.deep.equal({
      ...none,
      path: 'a.log',
      maxSize: 1.5 * MIB,
      maxBackups: 3,
      maxAge: { seconds: 30 * 86_400 },
    })
    expect(optionsOf({ path: 'a.log', maxSize: '4096' })).to.include({ maxSize: 4096 })
  })

  it('lets a size of ours replace the 100 MiB of --audit-log-path', () => {
    const flags = { auditLogPath: 'a.log', maxSize: '5MiB' }
    expect(optionsOf(flags)).to.include({ maxSize: 5 * MIB })
  })

  it('makes archives, as hard as it is told', () => {
    const compressions: [WriteFlags, unknown][] = [
      [{ compress: true }, 'gzip'],
      [{ compress: 'gzip' }, 'gzip'],
      [{ compress: 'gzip:1' }, { gzip: 1 }],
      [{ compress: 'gzip:9' }, { gzip: 9 }],
      [{ auditLogCompress: true }, 'gzip'],
      [{ auditLogCompress: 'true' }, 'gzip'],
      [{ auditLogCompress: '1' }, 'gzip'],
      [{ auditLogCompress: 'false' }, false],
    ]
    for (const [flags, compress] of compressions) {
      expect(optionsOf({ path: 'a.log', ...flags })).to.deep.include({ compress })
    }
  })

  it('keeps within a size, some of the disk free, and as durable as it is told', () => {
    const flags = { maxTotalSize: '10GB', keepFree: '1GB', durability: 'sync' }
    const target = optionsOf({ path: 'a.log', ...flags })
    expect(target).to.include({ maxTotalSize: 1e10, durability: 'sync' })
    expect(target).to.have.property('retention').that.is.a('function')
    expect(optionsOf({ path: 'a', durability: 'flush' })).to.include({ durability: 'flush' })
  })

  it('rotates at even times of a clock', () => {
    const openedAt = new Date('2016-09-07T13:03:57.400Z')
    const untilOf = (flags: WriteFlags): Date | undefined => {
      const target = optionsOf({ path: 'a.log', ...flags })
      return target.rotation?.({ path: '/a.log', openedAt, bytes: 0 }).until
    }
    expect(untilOf({ every: '1d' })?.getTime()).to.equal(Date.UTC(2016, 8, 8))
    expect(untilOf({ every: '15m' })?.getTime()).to.equal(Date.UTC(2016, 8, 7, 13, 15))
    const berlin = untilOf({ every: '1d', timeZone: 'Europe/Berlin' })
    expect(berlin?.getTime()).to.equal(Date.UTC(2016, 8, 8) - DAY_MS / 12)
  })

  it('takes - for standard output, whose limits by kube-apiserver have no effect', () => {
    expect(parseWriteFlags({ path: '-' })).to.equal('standard output')
    const flags = { auditLogPath: '-', auditLogMaxsize: '100', auditLogMaxage: '30' }
    expect(parseWriteFlags(flags)).to.equal('standard output')
    const compressed = { path: '-', auditLogCompress: true, auditLogMaxbackup: '1' } as const
    expect(parseWriteFlags(compressed)).to.equal('standard output')
  })

  it('reads the mode, and how a gap is told of', () => {
    const flags = { path: 'a.log', auditLogFormat: 'json', auditLogMode: 'batch' }
    expect(parseWriteFlags(flags)).to.deep.equal({
      options: { path: 'a.log', ...none, gapRecord: auditGapEvent },
      mode: 'batch',
    })
    expect(parseWriteFlags({ path: 'a.log' })).to.include({ mode: 'blocking' })
    expect(parseWriteFlags({ ...flags, path: '-' })).to.equal('standard output')
  })

  const refused: [string, WriteFlags][] = [
    ['--audit-log-mode', { path: 'a', auditLogMode: 'strict' }],
    ['--audit-log-mode', { path: '-', auditLogMode: '' }],
    ['--audit-log-format', { path: 'a', auditLogFormat: '1.4' }],
    ['--audit-log-format', { path: '-', auditLogFormat: 'xml' }],
    ['--path', {}],
    ['--path', { path: '' }],
    ['--path', { path: 'logs/' }],
    ['--audit-log-path', { auditLogPath: '' }],
    ['--path and --audit-log-path', { path: 'a', auditLogPath: 'b' }],
    ['--max-size and --audit-log-maxsize', { path: 'a', maxSize: '1MB', auditLogMaxsize: '1' }],
    ['--max-backups and --audit-log-maxbackup', both('maxBackups', 'auditLogMaxbackup')],
    ['--max-age and --audit-log-maxage', both('maxAge', 'auditLogMaxage')],
    ...['-1', '1.5', '1MiB', '', ' 1', '1e3', '99999999999999999999', '9007199254740991'].map(
      (value): [string, WriteFlags] => [
        '--audit-log-maxsize',
        { auditLogPath: 'a', auditLogMaxsize: value },
      ],
    ),
    ['--audit-log-maxbackup', { auditLogPath: 'a', auditLogMaxbackup: '-1' }],
    ['--audit-log-maxage', { auditLogPath: 'a', auditLogMaxage: '30d' }],
    ['--audit-log-maxage', { auditLogPath: '-', auditLogMaxage: '-3' }],
    ...['0', '100M', '-1', '', 'large'].map((maxSize): [string, WriteFlags] => [
      '--max-size',
      { path: 'a', maxSize },
    ]),
    ...['0', '-1', '2.5', 'all'].map((maxBackups): [string, WriteFlags] => [
      '--max-backups',
      { path: 'a', maxBackups },
    ]),
    ...['30', '0d', '-1d', 'old'].map((maxAge): [string, WriteFlags] => [
      '--max-age',
      { path: 'a', maxAge },
    ]),
    ['--max-size', { path: '-', maxSize: '1MiB' }],
    ['--max-backups', { path: '-', maxBackups: '1' }],
    ['--max-age', { auditLogPath: '-', maxAge: '1d' }],
    ['--max-total-size', { path: '-', maxTotalSize: '1GB' }],
    ['--keep-free', { path: '-', keepFree: '1GB' }],
    ['--compress', { path: '-', compress: true }],
    ['--durability', { path: '-', durability: 'sync' }],
    ['--every', { path: '-', every: '1d' }],
    ['--compress and --audit-log-compress', { ...both('compress', 'auditLogCompress') }],
    ...['', '6', 'zip', 'gzip:0', 'gzip:10', 'gzip:', 'true'].map(
      (compress): [string, WriteFlags] => ['--compress', { path: 'a', compress }],
    ),
    ...['', 'yes', '2'].map((auditLogCompress): [string, WriteFlags] => [
      '--audit-log-compress',
      { path: 'a', auditLogCompress },
    ]),
    ['--audit-log-compress', { path: '-', auditLogCompress: 'yes' }],
    ...['', 'none', 'Sync'].map((durability): [string, WriteFlags] => [
      '--durability',
      { path: 'a', durability },
    ]),
    ...['', '36h', '90m30s', '0d', '1', '999999w'].map((every): [string, WriteFlags] => [
      '--every',
      { path: 'a', every },
    ]),
    ['--time-zone', { path: 'a', timeZone: 'UTC' }],
    ['--time-zone', { path: 'a', every: '1d', timeZone: 'Europe/Atlantis' }],
    ['--time-zone', { path: 'a', every: '1d', timeZone: '' }],
    ['--max-total-size', { path: 'a', maxTotalSize: '1G' }],
    ['--keep-free', { path: 'a', keepFree: '0' }],
  ]
  for (const [option, flags] of refused) {
    it(`refuses ${JSON.stringify(flags)}, naming ${option}`, () => {
      expect(() => parseWriteFlags(flags)).to.throw(UsageError, new RegExp(`^${option}\\b`))
    })
  }
})

function both(own: keyof WriteFlags, kube: keyof WriteFlags): WriteFlags {
  return { path: 'a', [own]: '1', [kube]: '1' }
}
