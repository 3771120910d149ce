import { expect } from 'chai'
import type { AuditRequestFields } from '../../lib/audit/audit-record.js'
import { EventForm } from '../../lib/audit/event-form.js'
import { OpenRequests } from '../../lib/audit/open-requests.js'
import { mistyped } from './mistyped.js'

const request: AuditRequestFields = {
  ip: '127.0.0.1',
  method: 'GET',
  user: 'admin',
  groups: ['system:masters'],
  uri: '/api/v1/namespaces/default/pods?watch=1',
}

/** A form whose clock goes on by a millisecond with each look at it. */
function newForm(openRequests?: OpenRequests): EventForm {
  let nanos = 399_333_046
  const clock = { now: () => ({ seconds: 1_473_253_437, nanos: (nanos += 1e6) }) }
  return new EventForm(clock, openRequests)
}

function eventOf(fields: Partial<AuditRequestFields>): Record<string, unknown> {
  return JSON.parse(newForm().requestLine('x', { method: 'GET', uri: '/', ...fields }))
}

describe('EventForm', () => {
  it('writes a request, and says it again with each stage of its response', () => {
    const form = newForm()
    const begin = '{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"x"'
    const members =
      '"requestURI":"/api/v1/namespaces/default/pods?watch=1","verb":"watch",' +
      '"user":{"username":"admin","groups":["system:masters"]},"sourceIPs":["127.0.0.1"],' +
      '"objectRef":{"resource":"pods","namespace":"default","apiVersion":"v1"}'
    const received = '"requestReceivedTimestamp":"2016-09-07T13:03:57.400333Z"'
    const status = '"responseStatus":{"metadata":{},"code":200}'
    const times = (ms: string): string => `"stageTimestamp":"2016-09-07T13:03:57.${ms}333Z"}\n`
    expect(form.requestLine('x', request)).to.equal(
      `${begin},"stage":"RequestReceived",${members},${received},${times('400')}`,
    )
    expect(form.responseLine('x', 200, 'ResponseStarted')).to.equal(
      `${begin},"stage":"ResponseStarted",${members},${status},${received},${times('401')}`,
    )
    expect(form.responseLine('x', 200, 'ResponseComplete')).to.equal(
      `${begin},"stage":"ResponseComplete",${members},${status},${received},${times('402')}`,
    )
  })

  it('says what is known of a request that was never told, or that is over', () => {
    const form = newForm()
    form.requestLine('x', request)
    form.responseLine('x', 500, 'Panic')
    for (const id of ['x', 'never']) {
      const event: unknown = JSON.parse(form.responseLine(id, 404, 'ResponseComplete'))
      expect(event).to.include({ auditID: id, requestURI: '', verb: '' })
      expect(event).not.to.have.property('requestReceivedTimestamp')
    }
    expect(form.responseLine('x', 200, 'Panic')).to.include('"verb":"","user":{},"responseStatus"')
  })

  it('forgets no more than it must', () => {
    const form = newForm(new OpenRequests({ requests: 1 }))
    form.requestLine('a', request)
    form.requestLine('b', request)
    expect(form.responseLine('a', 200, 'ResponseComplete')).to.include('"requestURI":""')
    expect(form.responseLine('b', 200, 'ResponseComplete')).to.include('"verb":"watch"')
  })

  it('remembers nothing of a request that it refuses', () => {
    const openRequests = new OpenRequests()
    const form = newForm(openRequests)
    expect(() => form.requestLine('x', { ...request, user: mistyped(1) })).to.throw(TypeError)
    expect(openRequests.size).to.equal(0)
  })

  it('reads verb and object from the bytes of method and uri', () => {
    const uri = Buffer.from('/api/v1/namespaces/grün/pods/\xff', 'latin1')
    const { verb, objectRef } = eventOf({ uri, method: Buffer.from('PUT') })
    expect(verb).to.equal('update')
    expect(objectRef).to.include({ name: '\ufffd', namespace: 'gr\ufffdn' })
    expect(eventOf({ uri: '/api/v1/namespaces/grün/pods' }))
      .to.have.property('objectRef')
      .that.includes({ namespace: 'grün' })
    expect(eventOf({ method: 'BREW' }))
      .to.include({ verb: 'brew' })
      .and.not.have.any.keys('objectRef')
  })

  it('takes the namespace of the fields before that of the path', () => {
    const namespace = 'mine'
    expect(eventOf({ uri: '/api/v1/namespaces/default/pods', namespace })).to.have.nested.include({
      'objectRef.namespace': 'mine',
      'objectRef.resource': 'pods',
    })
    expect(eventOf({ namespace })).to.have.deep.property('objectRef', { namespace })
  })

  it('writes who is impersonated, if anybody is', () => {
    const impersonated = (fields: Partial<AuditRequestFields>): unknown =>
      eventOf(fields)['impersonatedUser']
    expect(impersonated({ as: 'jane', asGroups: ['dev'] })).to.deep.equal({
      username: 'jane',
      groups: ['dev'],
    })
    expect(impersonated({ asGroups: ['dev'] })).to.deep.equal({ groups: ['dev'] })
    expect(impersonated({ as: null, asGroups: [] })).to.equal(undefined)
  })

  it('writes all source addresses as Go prints them, and what is none not at all', () => {
    const addresses = (fields: Partial<AuditRequestFields>): unknown => eventOf(fields)['sourceIPs']
    expect(addresses({ ip: '::ffff:10.0.0.1' })).to.deep.equal(['10.0.0.1'])
    const sourceIps = ['2001:DB8:0::1', 'unknown', '10.0.0.2', 'fe80::1%eth0', '']
    expect(addresses({ ip: '10.0.0.1', sourceIps })).to.deep.equal(['2001:db8::1', '10.0.0.2'])
    expect(addresses({ ip: '10.0.0.1', sourceIps: [] })).to.equal(undefined)
    expect(addresses({ ip: 'unknown' })).to.equal(undefined)
    expect(addresses({})).to.equal(undefined)
  })

  it('writes the user agent', () => {
    expect(eventOf({ userAgent: 'curl/8.5.0' })).to.include({ userAgent: 'curl/8.5.0' })
  })

  const wrong: [string, object][] = [
    ['request.ip: expected a string', { ip: 1 }],
    ['request.method: expected a string or', { method: undefined }],
    ['request.uri: expected a string or', { uri: null }],
    ['request.user: expected a string or', { user: 1 }],
    ['request.as: expected a string or', { as: {} }],
    ['request.namespace: expected a string or', { namespace: [] }],
    ['request.userAgent: expected a string or', { userAgent: 1 }],
    ['request.groups: expected an array', { groups: 'a' }],
    ['an element of request.asGroups: expected', { asGroups: [1] }],
    ['request.sourceIps: expected an array', { sourceIps: '10.0.0.1' }],
  ]
  for (const [message, fields] of wrong) {
    it(`refuses a wrong field: ${message}`, () => {
      const bad = mistyped({ ...request, ...fields })
      expect(() => newForm().requestLine('x', bad)).to.throw(TypeError, message)
    })
  }

  it('refuses a wrong id, code or stage of a response', () => {
    const form = newForm()
    const end = 'ResponseComplete'
    expect(() => form.responseLine(mistyped(1), 200, end)).to.throw(TypeError, 'response.id')
    expect(() => form.responseLine('x', 99, end)).to.throw(RangeError, 'response.code')
    expect(() => form.responseLine('x', 200, mistyped('RequestReceived'))).to.throw(
      RangeError,
      `response.stage: expected 'ResponseStarted', 'ResponseComplete' or 'Panic'`,
    )
  })
})
