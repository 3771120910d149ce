import { expect } from 'chai'
import type { Backup } from '../../lib/backup/backup.js'
import {
  parseRetentionFlags,
  parseRetentionRules,
  type RetentionFlags,
} from '../../lib/cli/retention-flags.js'
import { UsageError } from '../../lib/cli/report.js'

const none = {
  maxBackups: undefined,
  maxAge: undefined,
  maxTotalSize: undefined,
  retention: undefined,
}
const backups: Backup[] = [3, 2, 1].map(day => ({
  path: `/logs/${day}`,
  name: `${day}`,
  time: new Date(Date.UTC(2016, 8, day)),
  bytes: 100,
  archived: false,
}))
const now = new Date(Date.UTC(2016, 8, 3))

/** The days of the backups that each rule gives up. */
function givenUp(flags: RetentionFlags): Record<string, string[]> {
  const rules = parseRetentionRules(flags)
  return Object.fromEntries(
    rules.map(({ name, policy }) => [
      name,
      [...policy(backups, { now, freeBytes: 50 })].map(backup => backup.name),
    ]),
  )
}

describe('parseRetentionFlags', () => {
  it('sets no limit by itself, nor by a 0 of kube-apiserver', () => {
    expect(parseRetentionFlags({})).to.deep.equal(none)
    const zeros = { auditLogMaxbackup: '0', auditLogMaxage: '0' }
    expect(parseRetentionFlags(zeros)).to.deep.equal(none)
  })

  it('reads both spellings in their units', () => {
    const limits = { ...none, maxBackups: 3, maxAge: { seconds: 30 * 86_400 } }
    expect(parseRetentionFlags({ maxBackups: '3', maxAge: '30d' })).to.deep.equal(limits)
    const kube = { auditLogMaxbackup: '3', auditLogMaxage: '30' }
    expect(parseRetentionFlags(kube)).to.deep.equal(limits)
    expect(parseRetentionFlags({ maxTotalSize: '1kB' })).to.deep.equal({
      ...none,
      maxTotalSize: 1000,
    })
  })

  const refused: [string, RetentionFlags][] = [
    ['--max-backups and --audit-log-maxbackup', { maxBackups: '1', auditLogMaxbackup: '1' }],
    ['--max-age and --audit-log-maxage', { maxAge: '1d', auditLogMaxage: '1' }],
    ['--max-backups', { maxBackups: '0' }],
    ['--max-age', { maxAge: 'old' }],
    ['--max-total-size', { maxTotalSize: '10G' }],
    ['--keep-free', { keepFree: '10%' }],
    ['--audit-log-maxbackup', { auditLogMaxbackup: 'x' }],
    ['--audit-log-maxage', { auditLogMaxage: '1d' }],
  ]
  for (const [option, flags] of refused) {
    it(`refuses ${JSON.stringify(flags)}, naming ${option}`, () => {
      expect(() => parseRetentionFlags(flags)).to.throw(UsageError, new RegExp(`^${option}\\b`))
    })
  }
})

describe('parseRetentionRules', () => {
  it('names each rule as it was typed', () => {
    const flags = { maxBackups: '2', maxAge: '36h', maxTotalSize: '150', keepFree: '100' }
    expect(givenUp(flags)).to.deep.equal({
      '--max-backups': ['1'],
      '--max-age': ['1'],
      '--max-total-size': ['1', '2'],
      '--keep-free': ['1'],
    })
    expect(givenUp({ auditLogMaxbackup: '1', auditLogMaxage: '1' })).to.deep.equal({
      '--audit-log-maxbackup': ['2', '1'],
      '--audit-log-maxage': ['1'],
    })
  })

  it('makes none of no limit', () => {
    expect(givenUp({ auditLogMaxbackup: '0' })).to.deep.equal({})
  })
})
