import { expect } from 'chai'
import { parseWriteFlags, type WriteFlags } from '../../lib/cli/write-options.js'
import { UsageError } from '../../lib/cli/report.js'

const MIB = 1_048_576
const none = { maxSize: undefined, maxBackups: undefined, maxAge: undefined }

describe('parseWriteFlags', () => {
  it('sets no limit for a path alone', () => {
    expect(parseWriteFlags({ path: 'a.log' })).to.deep.equal({ path: 'a.log', ...none })
  })

  it('takes 100 MiB, all backups, for ever, where kube-apiserver is given a path alone', () => {
    const target = { path: 'a.log', ...none, maxSize: 100 * MIB }
    expect(parseWriteFlags({ auditLogPath: 'a.log' })).to.deep.equal(target)
  })

  it('reads 0 of kube-apiserver as it does: 100 MiB, all, for ever', () => {
    const zeros = { auditLogMaxsize: '0', auditLogMaxbackup: '0', auditLogMaxage: '0' }
    const target = { path: 'a.log', ...none, maxSize: 100 * MIB }
    expect(parseWriteFlags({ auditLogPath: 'a.log', ...zeros })).to.deep.equal(target)
    expect(parseWriteFlags({ path: 'a.log', ...zeros })).to.deep.equal(target)
  })

  it('reads the units of kube-apiserver: MiB, backups, days', () => {
    const flags = { auditLogMaxsize: '7', auditLogMaxbackup: '3', auditLogMaxage: '30' }
    expect(parseWriteFlags({ auditLogPath: 'a.log', ...flags })).to.deep.equal({
      path: 'a.log',
      maxSize: 7 * MIB,
      maxBackups: 3,
      maxAge: { seconds: 30 * 86_400 },
    })
  })

  it('reads sizes and times with units, and a bare size as bytes', () => {
    const flags = { maxSize: '1.5MiB', maxBackups: '3', maxAge: '30d' }
    expect(parseWriteFlags({ path: 'a.log', ...flags })).to.deep.equal({
      path: 'a.log',
      maxSize: 1.5 * MIB,
      maxBackups: 3,
      maxAge: { seconds: 30 * 86_400 },
    })
    expect(parseWriteFlags({ path: 'a.log', maxSize: '4096' })).to.include({ maxSize: 4096 })
  })

  it('lets a size of ours replace the 100 MiB of --audit-log-path', () => {
    const flags = { auditLogPath: 'a.log', maxSize: '5MiB' }
    expect(parseWriteFlags(flags)).to.include({ maxSize: 5 * MIB })
  })

  it('takes - for standard output, whose limits by kube-apiserver have no effect', () => {
    expect(parseWriteFlags({ path: '-' })).to.equal('standard output')
    const flags = { auditLogPath: '-', auditLogMaxsize: '100', auditLogMaxage: '30' }
    expect(parseWriteFlags(flags)).to.equal('standard output')
  })

  const refused: [string, WriteFlags][] = [
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
