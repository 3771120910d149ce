import { expect } from 'chai'
import { auditGapEvent, eventLine, eventMembers, formatEvent } from '../../lib/audit/audit-event.js'
import type { AuditEvent } from '../../lib/audit/audit-event.js'
import { mistyped } from './mistyped.js'

const event: AuditEvent = {
  auditID: 'x',
  stage: 'RequestReceived',
  requestURI: '/',
  verb: 'get',
  requestReceivedTimestamp: 1_473_253_437_400_333_046n,
  stageTimestamp: new Date('2016-09-07T13:03:57.401Z'),
}
const begin = '{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"x"'
const received = '"requestReceivedTimestamp":"2016-09-07T13:03:57.400333Z"'
const reached = '"stageTimestamp":"2016-09-07T13:03:57.401000Z"'

/** What stands between the verb and the times. */
function between(fields: Partial<AuditEvent>): string {
  const line = formatEvent({ ...event, ...fields })
  const [, middle = ''] = /"verb":"get",(.*)"requestReceivedTimestamp"/.exec(line) ?? []
  return middle
}

describe('formatEvent', () => {
  it('writes all there is, in the order of Kubernetes', () => {
    const line = formatEvent({
      annotations: { 'b/x': '<1>', a: '2' },
      stageTimestamp: 1_473_253_437_401_000_999n,
      requestReceivedTimestamp: event.requestReceivedTimestamp,
      responseStatus: { code: 201 },
      objectRef: {
        subresource: 'status',
        resourceVersion: '7',
        apiVersion: 'v1',
        apiGroup: 'apps',
        uid: 'u2',
        name: 'web',
        namespace: 'default',
        resource: 'deployments',
      },
      userAgent: 'kubectl/v1.20 (linux)',
      sourceIPs: ['10.0.0.1', '::1'],
      impersonatedUser: { username: 'jane', groups: ['dev'] },
      user: { extra: { z: ['1', '2'], k: [] }, groups: ['a', 'b'], uid: 'u1', username: 'admin' },
      verb: 'create',
      requestURI: '/apis/apps/v1?a=1&b=2',
      stage: 'ResponseComplete',
      auditID: '5c3b8227',
      level: 'Metadata',
    })
    expect(line).to.equal(
      '{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"5c3b8227",' +
        '"stage":"ResponseComplete","requestURI":"/apis/apps/v1?a=1\\u0026b=2","verb":"create",' +
        '"user":{"username":"admin","uid":"u1","groups":["a","b"],"extra":{"k":[],"z":["1","2"]}},' +
        '"impersonatedUser":{"username":"jane","groups":["dev"]},"sourceIPs":["10.0.0.1","::1"],' +
        '"userAgent":"kubectl/v1.20 (linux)","objectRef":{"resource":"deployments",' +
        '"namespace":"default","name":"web","uid":"u2","apiGroup":"apps","apiVersion":"v1",' +
        '"resourceVersion":"7","subresource":"status"},"responseStatus":{"metadata":{},"code":201},' +
        `${received},${reached},"annotations":{"a":"2","b/x":"\\u003c1\\u003e"}}\n`,
    )
  })

  it('writes an empty user where there is none, and leaves out what is absent', () => {
    const stage = '"stage":"RequestReceived","requestURI":"/","verb":"get","user":{}'
    expect(formatEvent(event)).to.equal(`${begin},${stage},${received},${reached}}\n`)
  })

  it('leaves out what is empty, as Go does, but an object that is there', () => {
    const empty = { username: '', uid: '', groups: [], extra: {} }
    expect(between({ user: empty, userAgent: '', sourceIPs: [] })).to.equal('"user":{},')
    expect(between({ impersonatedUser: empty, objectRef: { name: '' } })).to.equal(
      '"user":{},"impersonatedUser":{},"objectRef":{},',
    )
    expect(formatEvent({ ...event, annotations: {} })).to.equal(formatEvent(event))
    expect(between({ responseStatus: { code: 0 } })).to.include('"responseStatus":{"metadata":{}}')
  })

  it('takes null for absent', () => {
    const nulls = { user: null, impersonatedUser: null, objectRef: null, responseStatus: null }
    const more = { sourceIPs: null, userAgent: null, annotations: null }
    expect(formatEvent({ ...event, ...nulls, ...more })).to.equal(formatEvent(event))
    const unknown = formatEvent({ ...event, requestReceivedTimestamp: null })
    expect(JSON.parse(unknown)).to.have.property('stageTimestamp')
    expect(unknown).not.to.include('requestReceivedTimestamp')
  })

  it('takes bytes for any text', () => {
    const bytes = Buffer.from([0x61, 0xff])
    const text = String.raw`"a\ufffd"`
    expect(between({ user: { username: bytes, groups: [bytes] }, userAgent: bytes })).to.equal(
      `"user":{"username":${text},"groups":[${text}]},"userAgent":${text},`,
    )
  })

  it('cuts times off behind the sixth digit, also before 1970', () => {
    const timeOf = (stageTimestamp: bigint): string =>
      /"stageTimestamp":"([^"]*)"/.exec(formatEvent({ ...event, stageTimestamp }))?.[1] ?? ''
    expect(timeOf(999_999_999n)).to.equal('1970-01-01T00:00:00.999999Z')
    expect(timeOf(-1n)).to.equal('1969-12-31T23:59:59.999999Z')
    expect(timeOf(0n)).to.equal('1970-01-01T00:00:00.000000Z')
  })

  const wrong: [string, object][] = [
    ['event.auditID', { auditID: 1 }],
    ['event.requestURI', { requestURI: undefined }],
    ['event.verb', { verb: null }],
    ['event.user', { user: 'admin' }],
    ['event.user.username', { user: { username: 1 } }],
    ['event.user.uid', { user: { uid: 1 } }],
    ['event.user.groups', { user: { groups: 'a' } }],
    ['an element of event.user.groups', { user: { groups: [1] } }],
    ['event.user.extra', { user: { extra: 'a' } }],
    ['event.user.extra.k', { user: { extra: { k: 'a' } } }],
    ['an element of event.user.extra.k', { user: { extra: { k: [1] } } }],
    ['event.impersonatedUser.username', { impersonatedUser: { username: {} } }],
    ['event.sourceIPs', { sourceIPs: '::1' }],
    ['event.userAgent', { userAgent: 1 }],
    ['event.objectRef', { objectRef: 'pods' }],
    ['event.objectRef.resourceVersion', { objectRef: { resourceVersion: 7 } }],
    ['event.responseStatus', { responseStatus: 200 }],
    ['event.responseStatus.code', { responseStatus: { code: '200' } }],
    ['event.requestReceivedTimestamp', { requestReceivedTimestamp: 1 }],
    ['event.stageTimestamp', { stageTimestamp: undefined }],
    ['event.annotations', { annotations: 1 }],
    ['event.annotations.a', { annotations: { a: 1 } }],
  ]
  for (const [name, fields] of wrong) {
    it(`refuses a wrong type, naming ${name}`, () => {
      const format = (): string => formatEvent(mistyped({ ...event, ...fields }))
      expect(format).to.throw(TypeError, new RegExp(`^${name}: expected .*, got `))
    })
  }

  const impossible: [string, object][] = [
    ['event.stage', { stage: 'Done' }],
    ['event.level', { level: 'Request' }],
    ['event.requestObject', { requestObject: {} }],
    ['event.responseObject', { responseObject: 'x' }],
    ['event.responseStatus.code', { responseStatus: { code: 99 } }],
    ['event.stageTimestamp', { stageTimestamp: new Date(Number.NaN) }],
    ['event.stageTimestamp', { stageTimestamp: 253_402_300_800_000_000_000n }],
    ['event.requestReceivedTimestamp', { requestReceivedTimestamp: -62_167_219_200_000_000_001n }],
  ]
  for (const [name, fields] of impossible) {
    it(`refuses ${name} that cannot be`, () => {
      const format = (): string => formatEvent(mistyped({ ...event, ...fields }))
      expect(format).to.throw(RangeError, new RegExp(`^${name}: expected .*, got `))
    })
  }

  it('refuses what is no event', () => {
    expect(() => formatEvent(mistyped('x'))).to.throw(TypeError, 'event: expected an object')
  })
})

describe('auditGapEvent', () => {
  const gap = { records: 3, bytes: 600, why: 'ENOSPC' }

  it('writes a gap as a line of its own kind', () => {
    const line =
      '{"kind":"Gap","apiVersion":"rollkeeper/v1","records":3,"bytes":600,"why":"ENOSPC",' +
      `${reached}}\n`
    const time = new Date('2016-09-07T13:03:57.401Z')
    expect(auditGapEvent({ ...gap, time, offset: 7200 })).to.equal(line)
    expect(auditGapEvent({ ...gap, time: 1_473_253_437_401_000_000n })).to.equal(line)
  })

  it('takes the time of now by default', () => {
    const before = Date.now()
    const { stageTimestamp } = JSON.parse(auditGapEvent(gap))
    expect(Date.parse(stageTimestamp)).to.be.within(before, Date.now())
  })

  it('refuses what is no gap, naming the field', () => {
    expect(() => auditGapEvent(mistyped(1))).to.throw(TypeError, 'gap: expected an object')
    expect(() => auditGapEvent({ ...gap, records: -1 })).to.throw(RangeError, 'gap.records')
    expect(() => auditGapEvent({ ...gap, bytes: mistyped('6') })).to.throw(TypeError, 'gap.bytes')
    expect(() => auditGapEvent({ ...gap, why: mistyped(7) })).to.throw(TypeError, 'gap.why')
    expect(() => auditGapEvent({ ...gap, time: mistyped('now') })).to.throw(TypeError, 'gap.time')
  })
})

describe('eventMembers', () => {
  it('writes members of an object, each with a comma before it', () => {
    const members = eventMembers({ requestURI: '/', verb: 'get' })
    expect(members).to.equal(',"requestURI":"/","verb":"get","user":{}')
  })
})

describe('eventLine', () => {
  it('puts pieces together, without a status where there is no code', () => {
    const stage = 'RequestReceived'
    const pieces = { auditID: '<', stage, members: ',"a":1', receivedAt: '"r"', stageAt: '"t"' }
    const text = eventLine({ ...pieces, stage })
    expect(text).to.include(
      String.raw`"auditID":"\u003c","stage":"RequestReceived","a":1,"requestReceivedTimestamp":"r"`,
    )
    expect(JSON.parse(text)).to.include({ stageTimestamp: 't' }).and.not.have.any.keys('code')
  })
})
