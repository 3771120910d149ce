import { expect } from 'chai'
import { Command } from 'commander'
import { auditGapEvent } from '../../lib/audit/audit-event.js'
import { auditGapRecord } from '../../lib/audit/audit-line.js'
import { addAuditFlags, parseAuditMode, parseGapFormat } from '../../lib/cli/audit-flags.js'
import { UsageError } from '../../lib/cli/report.js'

describe('addAuditFlags', () => {
  it('gives a command the flags by the names of kube-apiserver', () => {
    const command = addAuditFlags(new Command())
    const typed = ['--audit-log-format=json', '--audit-log-mode', 'batch']
    command.parse(typed, { from: 'user' })
    expect(command.opts()).to.deep.equal({ auditLogFormat: 'json', auditLogMode: 'batch' })
  })
})

describe('parseAuditMode', () => {
  it('reads the modes of kube-apiserver, and blocks by default', () => {
    for (const auditLogMode of ['batch', 'blocking', 'blocking-strict']) {
      expect(parseAuditMode({ auditLogMode })).to.equal(auditLogMode)
    }
    expect(parseAuditMode({})).to.equal('blocking')
  })

  it('refuses others, with what it expected and what came', () => {
    const message = `--audit-log-mode: expected 'batch', 'blocking' or 'blocking-strict', got "Batch"`
    expect(() => parseAuditMode({ auditLogMode: 'Batch' })).to.throw(UsageError, message)
    expect(() => parseAuditMode({ auditLogMode: '' })).to.throw(UsageError, 'got ""')
  })
})

describe('parseGapFormat', () => {
  it('tells of a gap in the words of the format, and leaves it to the log without one', () => {
    expect(parseGapFormat({ auditLogFormat: 'legacy' })).to.equal(auditGapRecord)
    expect(parseGapFormat({ auditLogFormat: 'json' })).to.equal(auditGapEvent)
    expect(parseGapFormat({})).to.equal(undefined)
  })

  it('refuses others, with what it expected and what came', () => {
    const message = `--audit-log-format: expected 'legacy' or 'json', got "1.4"`
    expect(() => parseGapFormat({ auditLogFormat: '1.4' })).to.throw(UsageError, message)
  })
})
