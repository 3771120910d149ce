import { expect } from 'chai'
import { auditGapRecord, formatRequest, formatResponse } from '../../lib/audit/audit-line.js'
import type { AuditRequest } from '../../lib/audit/audit-record.js'
import { readVectors } from '../golden/vectors.js'
import { mistyped } from './mistyped.js'

interface LineVector {
  format: string
  in: {
    unix_ns: string
    offset_seconds: number
    id: string
    ip: string | null
    method: string
    user: string | null
    groups: string[] | null
    impersonate_user: string
    impersonate_groups: string[] | null
    namespace: string
    uri: string
    response: number | null
  }
  out: string
}

const vectors = readVectors<LineVector>('audit-line.jsonl')

function vectorsOf(format: string, atLeast: number): LineVector[] {
  const found = vectors.filter(vector => vector.format === format)
  expect(found.length).to.be.at.least(atLeast)
  return found
}

/** Kubernetes took an empty header and an empty namespace for none; our caller says so itself. */
function requestOf({ in: given }: LineVector): AuditRequest {
  return {
    time: BigInt(given.unix_ns),
    offset: given.offset_seconds,
    id: given.id,
    ip: given.ip,
    method: given.method,
    user: given.user,
    groups: given.groups,
    as: given.impersonate_user === '' ? undefined : given.impersonate_user,
    asGroups: given.impersonate_groups,
    namespace: given.namespace === '' ? undefined : given.namespace,
    uri: given.uri,
  }
}

const time = 1_473_253_437_400_333_046n
const request = { time, id: 'i', method: 'GET', uri: '/' }

describe('formatRequest', () => {
  it('writes every golden line of format 1.4, which is the default', () => {
    for (const vector of vectorsOf('v1.4-request', 21)) {
      expect(formatRequest(requestOf(vector))).to.equal(vector.out)
      expect(formatRequest(requestOf(vector), { format: '1.4' })).to.equal(vector.out)
    }
  })

  it('writes every golden line of format 1.6', () => {
    for (const vector of vectorsOf('v1.6-request', 13)) {
      expect(formatRequest(requestOf(vector), { format: '1.6' })).to.equal(vector.out)
    }
  })

  it('writes what is absent as its sentinel', () => {
    const begin =
      '2016-09-07T13:03:57.400333046Z AUDIT: id="i" ip="<nil>" method="GET" user="<none>"'
    expect(formatRequest(request)).to.equal(`${begin} as="<self>" namespace="<none>" uri="/"\n`)
    const absent = {
      ip: null,
      user: null,
      groups: [],
      as: undefined,
      asGroups: [],
      namespace: null,
    }
    expect(formatRequest({ ...request, ...absent }, { format: '1.6' })).to.equal(
      `${begin} groups="<none>" as="<self>" asgroups="<lookup>" namespace="<none>" uri="/"\n`,
    )
  })

  it('takes an empty string for a value', () => {
    const empty = { id: '', method: '', user: '', as: '', namespace: '', uri: '' }
    expect(formatRequest({ ...request, ...empty, groups: [''] }, { format: '1.6' })).to.equal(
      '2016-09-07T13:03:57.400333046Z AUDIT: id="" ip="<nil>" method="" user="" ' +
        'groups="\\"\\"" as="" asgroups="<lookup>" namespace="" uri=""\n',
    )
  })

  it('writes an ip in its canonical form, and <nil> for what is no address', () => {
    expect(formatRequest({ ...request, ip: '::FFFF:1.2.3.4' })).to.include(' ip="1.2.3.4" ')
    expect(formatRequest({ ...request, ip: 'fe80::1%eth0' })).to.include(' ip="<nil>" ')
    expect(formatRequest({ ...request, ip: '1.2.3.4" user="root' })).to.include(' ip="<nil>" ')
  })

  it('writes bytes that are no UTF-8 as escapes', () => {
    const bytes = Uint8Array.of(0x61, 0xff)
    const line = formatRequest({ ...request, user: bytes, groups: [bytes] }, { format: '1.6' })
    expect(line).to.include(' user="a\\xff" groups="\\"a\\\\xff\\"" ')
  })

  it('quotes groups twice, whether or not they need an escape', () => {
    const groups = ['plain', 'c,d', 'e"f', 'g\\h', '', 'é', '\n', 'a\u00a0b', '\ud800']
    expect(formatRequest({ ...request, groups }, { format: '1.6' })).to.include(
      String.raw` groups="\"plain\",\"c,d\",\"e\\\"f\",\"g\\\\h\",\"\",\"é\",\"\\n\",\"a\\u00a0b\",\"�\"" `,
    )
  })

  const wrong: [why: string, fields: object, message: string][] = [
    ['uri of a wrong type', { uri: 42 }, 'request.uri: expected a string or a Uint8Array, got 42'],
    ['no id', { id: undefined }, 'request.id: expected a string or a Uint8Array, got undefined'],
    ['no method', { method: null }, 'request.method: expected a string'],
    ['user of a wrong type', { user: {} }, 'request.user: expected a string'],
    ['as of a wrong type', { as: 1 }, 'request.as: expected a string'],
    ['namespace of a wrong type', { namespace: true }, 'request.namespace: expected a string'],
    ['ip of a wrong type', { ip: 127 }, 'request.ip: expected a string, got 127'],
    ['groups that are no array', { groups: 'a' }, 'request.groups: expected an array of strings'],
    ['a group of a wrong type', { groups: ['a', 1] }, 'an element of request.groups: expected'],
    ['asGroups that are no array', { asGroups: 1 }, 'request.asGroups: expected an array'],
    ['time of a wrong type', { time: 5 }, 'request.time: expected a bigint'],
    ['offset of a wrong type', { offset: '0' }, 'request.offset: expected an integer'],
  ]
  for (const [why, fields, message] of wrong) {
    it(`refuses ${why}, naming the field`, () => {
      expect(() => formatRequest(mistyped({ ...request, ...fields }))).to.throw(TypeError, message)
    })
  }

  it('refuses a time and an offset that a line cannot say, and an unknown format', () => {
    expect(() => formatRequest({ ...request, time: 10n ** 21n })).to.throw(
      RangeError,
      'request.time',
    )
    expect(() => formatRequest({ ...request, offset: 30 })).to.throw(RangeError, 'request.offset')
    expect(() => formatRequest(request, { format: mistyped('1.5') })).to.throw(
      RangeError,
      `options.format: expected '1.4' or '1.6', got '1.5'`,
    )
    expect(() => formatRequest(mistyped(null))).to.throw(TypeError, 'request: expected an object')
  })
})

describe('formatResponse', () => {
  it('writes every golden line', () => {
    for (const vector of vectorsOf('v1.4-response', 16)) {
      const { unix_ns, offset_seconds, id, response } = vector.in
      const given = { time: BigInt(unix_ns), offset: offset_seconds, id, code: response! }
      expect(formatResponse(given)).to.equal(vector.out)
    }
  })

  it('refuses what is no status code', () => {
    for (const code of [-1, 1, 99, 1000, 200.5, Number.NaN]) {
      expect(() => formatResponse({ time, id: 'i', code })).to.throw(
        RangeError,
        `response.code: expected an integer from 100 to 999, or 0, got ${code}`,
      )
    }
    expect(() => formatResponse({ time, id: 'i', code: mistyped('200') })).to.throw(TypeError)
    expect(() => formatResponse({ time, id: mistyped(7), code: 200 })).to.throw(
      TypeError,
      'response.id: expected a string or a Uint8Array, got 7',
    )
    expect(() => formatResponse(mistyped(undefined))).to.throw(TypeError, 'response: expected')
  })
})

describe('auditGapRecord', () => {
  const gap = { records: 3, bytes: 600, why: 'ENOSPC' }

  it('writes what is missing, at the time of a Date or in nanoseconds', () => {
    const line = '2016-09-07T13:03:57.4Z AUDIT: gap records="3" bytes="600" why="ENOSPC"\n'
    expect(auditGapRecord({ ...gap, time: new Date('2016-09-07T13:03:57.400Z') })).to.equal(line)
    expect(auditGapRecord({ ...gap, time: 1_473_253_437_400_000_000n })).to.equal(line)
  })

  it('writes the time of now when none is given', () => {
    const written = Date.parse(auditGapRecord(gap).split(' ')[0]!)
    expect(Math.abs(written - Date.now())).to.be.below(1000)
  })

  it('quotes the reason, so that it cannot begin a line', () => {
    const line = auditGapRecord({ ...gap, why: 'a"\nb', time: 0n })
    expect(line).to.match(/ why="a\\"\\nb"\n$/)
  })

  it('refuses what is no gap, naming the field', () => {
    expect(() => auditGapRecord({ ...gap, records: -1 })).to.throw(RangeError, 'gap.records')
    expect(() => auditGapRecord({ ...gap, bytes: 0.5 })).to.throw(RangeError, 'gap.bytes')
    expect(() => auditGapRecord({ ...gap, bytes: mistyped('6') })).to.throw(TypeError, 'gap.bytes')
    expect(() => auditGapRecord({ ...gap, why: mistyped(1) })).to.throw(TypeError, 'gap.why')
    expect(() => auditGapRecord({ ...gap, time: mistyped(5) })).to.throw(TypeError, 'gap.time')
    expect(() => auditGapRecord({ ...gap, time: new Date(NaN) })).to.throw(RangeError, 'gap.time')
  })
})
