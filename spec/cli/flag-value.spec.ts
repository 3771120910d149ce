import { expect } from 'chai'
import {
  optionName,
  orUsage,
  parseCountFlag,
  parseKubeNumber,
  parseSizeFlag,
  parseTimeFlag,
  refuseBothSpellings,
} from '../../lib/cli/flag-value.js'
import { UsageError } from '../../lib/cli/report.js'

const days = { of: 'days', zero: 'for ever' }

describe('optionName', () => {
  it('is what is typed', () => {
    expect(optionName('maxTotalSize')).to.equal('--max-total-size')
    expect(optionName('path')).to.equal('--path')
  })
})

describe('refuseBothSpellings', () => {
  const spellings = [{ own: 'maxAge', kube: 'auditLogMaxage' }] as const

  it('lets one of them pass', () => {
    refuseBothSpellings({}, spellings)
    refuseBothSpellings({ maxAge: '1d' }, spellings)
    refuseBothSpellings({ auditLogMaxage: '1' }, spellings)
  })

  it('names both', () => {
    const act = (): void => refuseBothSpellings({ maxAge: '1d', auditLogMaxage: '1' }, spellings)
    expect(act).to.throw(UsageError, /^--max-age and --audit-log-maxage /)
  })
})

describe('parseSizeFlag', () => {
  it('reads bytes, and sizes with a unit', () => {
    expect(parseSizeFlag('maxSize', '4096')).to.equal(4096)
    expect(parseSizeFlag('maxSize', '1.5MiB')).to.equal(1_572_864)
  })

  it('refuses what is none', () => {
    for (const text of ['0', '', '1e3', '100M', '-1']) {
      expect(() => parseSizeFlag('maxSize', text)).to.throw(UsageError, /^--max-size: expected /)
    }
  })
})

describe('parseTimeFlag', () => {
  it('reads a time, in milliseconds', () => {
    expect(parseTimeFlag('maxAge', '30d')).to.equal(30 * 86_400_000)
  })

  it('refuses what is none', () => {
    for (const text of ['0d', '', '30', '1y', '-1d']) {
      expect(() => parseTimeFlag('maxAge', text)).to.throw(UsageError, /^--max-age: expected /)
    }
  })
})

describe('parseCountFlag', () => {
  it('reads a number of backups', () => {
    expect(parseCountFlag('maxBackups', '10')).to.equal(10)
  })

  it('refuses what is none', () => {
    for (const text of ['0', '', '1.5', '-1', '9007199254740993']) {
      expect(() => parseCountFlag('maxBackups', text)).to.throw(UsageError, /^--max-backups: /)
    }
  })
})

describe('parseKubeNumber', () => {
  it('reads absence as 0', () => {
    expect(parseKubeNumber('auditLogMaxage', undefined, days, 1)).to.equal(0)
    expect(parseKubeNumber('auditLogMaxage', '0', days, 1)).to.equal(0)
    expect(parseKubeNumber('auditLogMaxage', '30', days, 1)).to.equal(30)
  })

  it('refuses what is no number, or too large in its unit', () => {
    for (const text of ['-1', '1d', '', '9007199254740991']) {
      const act = (): number => parseKubeNumber('auditLogMaxage', text, days, 1000)
      expect(act).to.throw(UsageError, /^--audit-log-maxage: .* of days, .*for ever/)
    }
  })
})

describe('orUsage', () => {
  const act = (error: Error): (() => unknown) => {
    const parse = (): never => {
      throw error
    }
    return () => orUsage(parse, '--every', 'a time', '36h')
  }

  it('makes a wrong value a mistake of usage, and nothing else', () => {
    expect(act(new RangeError('x'))).to.throw(UsageError, '--every: expected a time, got "36h"')
    expect(act(new TypeError('a defect'))).to.throw(TypeError, 'a defect')
  })
})
