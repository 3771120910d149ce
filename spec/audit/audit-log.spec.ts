import { expect } from 'chai'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { AuditLog } from '../../lib/audit/audit-log.js'
import type { AuditSink } from '../../lib/audit/audit-log.js'
import { parseLine } from '../../lib/audit/parsed-line.js'
import { NanoClock } from '../../lib/platform/nano-clock.js'
import { mistyped } from './mistyped.js'

/** Keeps what it is given, and answers as it is told. */
class RecordingSink implements AuditSink {
  readonly written: string[] = []
  readonly appended: string[] = []
  readonly answer: { wantsMore: boolean; failure?: Error } = { wantsMore: true }

  write(record: string): boolean {
    this.written.push(record)
    return this.answer.wantsMore
  }

  async append(record: string): Promise<void> {
    this.appended.push(record)
    if (this.answer.failure !== undefined) throw this.answer.failure
  }
}

/** A clock whose wall clock and running time are turned by hand, in milliseconds. */
function manualClock(wallMs: number): {
  clock: NanoClock
  time: { wallMs: number; elapsedMs: number }
} {
  const time = { wallMs, elapsedMs: 0 }
  const clock = new NanoClock({ wallMs: () => time.wallMs, elapsedMs: () => time.elapsedMs })
  return { clock, time }
}

async function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => expect.fail('it resolved'),
    (error: unknown) => error,
  )
}

const wallMs = 1_473_253_437_400
const request = {
  ip: '127.0.0.1',
  method: 'GET',
  user: 'admin',
  namespace: 'default',
  uri: '/pods',
}
const body =
  'ip="127.0.0.1" method="GET" user="admin" as="<self>" namespace="default" uri="/pods"\n'

describe('AuditLog', () => {
  it('writes a request and its response, joined by the id', () => {
    const sink = new RecordingSink()
    const { clock, time } = manualClock(wallMs)
    const audit = new AuditLog(sink, { clock })
    expect(audit.request({ ...request, id: 'x"y' })).to.equal('x"y')
    time.elapsedMs += 0.25
    expect(audit.response('x"y', 200)).to.equal(true)
    expect(sink.written).to.deep.equal([
      `2016-09-07T13:03:57.4Z AUDIT: id="x\\"y" ${body}`,
      '2016-09-07T13:03:57.40025Z AUDIT: id="x\\"y" response="200"\n',
    ])
    expect(sink.appended).to.deep.equal([])
  })

  it('appends a request and its response when told to wait', async () => {
    const sink = new RecordingSink()
    const audit = new AuditLog(sink, { clock: manualClock(wallMs).clock })
    expect(await audit.appendRequest({ ...request, id: 'x' })).to.equal('x')
    expect(await audit.appendResponse('x', 404)).to.equal(undefined)
    expect(sink.appended).to.deep.equal([
      `2016-09-07T13:03:57.4Z AUDIT: id="x" ${body}`,
      '2016-09-07T13:03:57.4Z AUDIT: id="x" response="404"\n',
    ])
    expect(sink.written).to.deep.equal([])
  })

  it('makes a new lower-case UUID of version 4 for each request without an id', async () => {
    const sink = new RecordingSink()
    const audit = new AuditLog(sink)
    const ids = [audit.request(request), audit.request({ ...request, id: null })]
    ids.push(await audit.appendRequest(request))
    for (const id of ids) {
      expect(id).to.match(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/)
    }
    expect(new Set(ids).size).to.equal(3)
    const written = [...sink.written, ...sink.appended].map(line => parseLine(line))
    expect(written.map(line => line?.kind === 'request' && line.id)).to.deep.equal(ids)
  })

  it('says what the log says when it wants no more', () => {
    const sink = new RecordingSink()
    sink.answer.wantsMore = false
    expect(new AuditLog(sink).response('x', 200)).to.equal(false)
  })

  it('rejects as the log rejects', async () => {
    const sink = new RecordingSink()
    sink.answer.failure = new Error('full')
    const audit = new AuditLog(sink)
    expect(await rejectionOf(audit.appendRequest(request))).to.equal(sink.answer.failure)
    expect(await rejectionOf(audit.appendResponse('x', 200))).to.equal(sink.answer.failure)
  })

  it('writes groups in format 1.6', () => {
    const sink = new RecordingSink()
    const audit = new AuditLog(sink, { format: '1.6' })
    audit.request({ ...request, groups: ['a', 'b'], asGroups: ['c'] })
    expect(sink.written[0]).to.include(' groups="\\"a\\",\\"b\\"" as="<self>" asgroups="\\"c\\"" ')
  })

  it('never goes backwards when the wall clock does', () => {
    const sink = new RecordingSink()
    const { clock, time } = manualClock(wallMs)
    const audit = new AuditLog(sink, { clock })
    audit.response('x', 200)
    time.wallMs -= 3_600_000
    time.elapsedMs += 0.5
    audit.response('x', 200)
    time.wallMs += 3_600_001
    time.elapsedMs += 0.5
    audit.response('x', 200)
    const times = sink.written.map(line => line.split(' ')[0])
    expect(times[1]).to.equal(times[0])
    expect(times[2]).to.match(/^2016-09-07T13:03:57\.401/)
  })

  it('writes times in the zone it is told, through a change of daylight saving', () => {
    const sink = new RecordingSink()
    const { clock, time } = manualClock(Date.parse('2016-10-30T00:59:59.500Z'))
    const audit = new AuditLog(sink, { clock, timeZone: 'Europe/Berlin' })
    audit.response('x', 200)
    time.wallMs += 500
    time.elapsedMs += 500
    audit.response('x', 200)
    expect(sink.written.map(line => line.split(' ')[0])).to.deep.equal([
      '2016-10-30T02:59:59.5+02:00',
      '2016-10-30T02:00:00+01:00',
    ])
  })

  it('takes every name of a zone, and writes the smaller ones right', () => {
    const times = ['Asia/Kathmandu', 'America/St_Johns', 'Etc/GMT+10', 'Etc/UTC'].map(timeZone => {
      const sink = new RecordingSink()
      new AuditLog(sink, { clock: manualClock(0).clock, timeZone }).response('x', 200)
      return sink.written[0]!.split(' ')[0]
    })
    expect(times).to.deep.equal([
      '1970-01-01T05:30:00+05:30',
      '1969-12-31T20:30:00-03:30',
      '1969-12-31T14:00:00-10:00',
      '1970-01-01T00:00:00Z',
    ])
  })

  it('writes nothing of a bad record, and throws or rejects TypeError', async () => {
    const sink = new RecordingSink()
    const audit = new AuditLog(sink)
    const bad = { ...request, uri: mistyped(42) }
    const message = 'request.uri: expected a string or a Uint8Array, got 42'
    expect(() => audit.request(bad)).to.throw(TypeError, message)
    expect(() => audit.request(mistyped(undefined))).to.throw(
      TypeError,
      'request: expected an object',
    )
    expect(() => audit.request({ ...request, id: mistyped(7) })).to.throw(TypeError, 'request.id')
    expect(() => audit.response(mistyped(7), 200)).to.throw(TypeError, 'response.id')
    expect(() => audit.response('x', 99)).to.throw(RangeError, 'response.code')
    expect(await rejectionOf(audit.appendRequest(bad))).to.be.instanceOf(TypeError)
    expect(await rejectionOf(audit.appendResponse('x', mistyped('200')))).to.be.instanceOf(
      TypeError,
    )
    expect([...sink.written, ...sink.appended]).to.deep.equal([])
  })

  it('writes events when told to, each stage with all that is known of the request', async () => {
    const sink = new RecordingSink()
    const audit = new AuditLog(sink, { clock: manualClock(wallMs).clock, format: 'json' })
    const id = audit.request({ ...request, uri: '/api/v1/pods?watch=1' })
    audit.response(id, 200, 'ResponseStarted')
    await audit.appendResponse(id, 200)
    await audit.appendRequest({ ...request, id: 'y' })
    audit.response('y', 500, 'Panic')
    const lines = [...sink.written.slice(0, 2), ...sink.appended, ...sink.written.slice(2)]
    const events = lines.map((line): unknown => JSON.parse(line))
    const stages = ['RequestReceived', 'ResponseStarted', 'ResponseComplete']
    expect(events).to.have.lengthOf(5)
    for (const [index, stage] of stages.entries()) {
      expect(events[index]).to.include({ stage, auditID: id, verb: 'watch' })
      expect(events[index]).to.have.nested.include({
        'user.username': 'admin',
        'objectRef.namespace': 'default',
        requestReceivedTimestamp: '2016-09-07T13:03:57.400000Z',
      })
    }
    expect(events[3]).to.include({ stage: 'RequestReceived', auditID: 'y', verb: 'get' })
    expect(events[4]).to.include({ stage: 'Panic', requestURI: '/pods' })
    expect(events[4]).to.have.nested.include({ 'responseStatus.code': 500 })
  })

  it('never goes backwards in events either', () => {
    const sink = new RecordingSink()
    const { clock, time } = manualClock(wallMs)
    const audit = new AuditLog(sink, { clock, format: 'json' })
    audit.request({ ...request, id: 'x' })
    time.wallMs -= 3_600_000
    time.elapsedMs += 0.5
    audit.response('x', 200)
    for (const line of sink.written) {
      expect(JSON.parse(line)).to.include({ stageTimestamp: '2016-09-07T13:03:57.400000Z' })
    }
  })

  it('tells its format', () => {
    const formats = ['1.4', '1.6', 'json'] as const
    for (const format of formats) {
      expect(new AuditLog(new RecordingSink(), { format }).format).to.equal(format)
    }
    expect(new AuditLog(new RecordingSink()).format).to.equal('1.4')
  })

  it('has no line in formats 1.4 and 1.6 for the start of a response', () => {
    const sink = new RecordingSink()
    const audit = new AuditLog(sink, { clock: manualClock(wallMs).clock })
    expect(() => audit.response('x', 200, 'ResponseStarted')).to.throw(RangeError, 'response.stage')
    audit.response('x', 500, 'Panic')
    expect(sink.written).to.deep.equal(['2016-09-07T13:03:57.4Z AUDIT: id="x" response="500"\n'])
  })

  it('counts what it hands over, what fails, and what is refused', async () => {
    const sink = new RecordingSink()
    const audit = new AuditLog(sink)
    audit.response(audit.request(request), 200)
    expect(audit.stats()).to.deep.equal({ events: 2, errors: 0, rejectedRequests: 0 })
    sink.answer.failure = new Error('full')
    await rejectionOf(audit.appendRequest(request))
    await rejectionOf(audit.appendResponse('x', 200))
    expect(audit.stats()).to.deep.equal({ events: 4, errors: 2, rejectedRequests: 0 })
    expect(() => audit.request({ ...request, uri: mistyped(1) })).to.throw(TypeError)
    expect(() => audit.response('x', 99)).to.throw(RangeError)
    await rejectionOf(audit.appendRequest(mistyped(null)))
    await rejectionOf(audit.appendResponse('x', 99))
    audit.counters.countRejected('x')
    expect(audit.stats()).to.deep.equal({ events: 4, errors: 6, rejectedRequests: 1 })
  })

  it('counts a log that throws, and throws what it threw', () => {
    const failure = new Error('closed')
    const sink = new RecordingSink()
    sink.write = () => {
      throw failure
    }
    const audit = new AuditLog(sink)
    expect(() => audit.request(request)).to.throw(failure)
    expect(() => audit.response('x', 200)).to.throw(failure)
    expect(audit.stats()).to.deep.equal({ events: 2, errors: 2, rejectedRequests: 0 })
  })

  it('counts what a log drops without a word', () => {
    const dropped = { count: 0 }
    const sink = {
      write: () => ++dropped.count < 0,
      append: async () => undefined,
      stats: () => ({ dropped: dropped.count }),
    }
    const audit = new AuditLog(sink)
    audit.response(audit.request(request), 200)
    expect(audit.stats()).to.deep.equal({ events: 2, errors: 2, rejectedRequests: 0 })
  })

  it('tells of events and errors on its channels', async () => {
    const sink = new RecordingSink()
    const audit = new AuditLog(sink)
    const messages: unknown[] = []
    const listener = (message: unknown): void => void messages.push(message)
    subscribe('rollkeeper:audit:event', listener)
    subscribe('rollkeeper:audit:error', listener)
    audit.response('x', 200)
    sink.answer.failure = new Error('full')
    await rejectionOf(audit.appendResponse('x', 201))
    unsubscribe('rollkeeper:audit:event', listener)
    unsubscribe('rollkeeper:audit:error', listener)
    expect(messages).to.deep.equal([
      { id: 'x', line: sink.written[0] },
      { id: 'x', line: sink.appended[0] },
      { id: 'x', error: sink.answer.failure },
    ])
  })

  it('checks the fields that its format does not show', () => {
    const audit = new AuditLog(new RecordingSink())
    const refuses = (fields: object, message: string): void => {
      expect(() => audit.request(mistyped({ ...request, ...fields }))).to.throw(TypeError, message)
    }
    refuses({ userAgent: 1 }, 'request.userAgent: expected a string')
    refuses({ sourceIps: [1] }, 'an element of request.sourceIps: expected a string')
    refuses({ asGroups: 'a' }, 'request.asGroups: expected an array')
    audit.request({ ...request, userAgent: null, sourceIps: null })
    audit.request({ ...request, userAgent: Buffer.from('curl'), sourceIps: ['::1'] })
  })

  const open = (options: unknown) => (): AuditLog =>
    new AuditLog(new RecordingSink(), mistyped(options))

  it('refuses an unknown option, with the nearest known name', () => {
    expect(open({ fromat: '1.6' })).to.throw(TypeError, /option fromat: .*did you mean format\?$/)
    expect(open({ timezone: 'UTC' })).to.throw(
      TypeError,
      /option timezone: .*did you mean timeZone\?$/,
    )
    expect(open(null)).to.throw(TypeError, 'options: expected an object')
  })

  it('refuses an unknown format', () => {
    expect(open({ format: '2' })).to.throw(
      RangeError,
      `option format: expected '1.4', '1.6' or 'json'`,
    )
  })

  it('refuses what is no name of a zone', () => {
    for (const timeZone of ['', 'Nowhere/Town', '+02:00', '-0230', 'nonsense+02:00']) {
      expect(open({ timeZone })).to.throw(RangeError, 'option timeZone: expected')
    }
    expect(open({ timeZone: 2 })).to.throw(TypeError, 'option timeZone: expected a string, got 2')
  })

  it('refuses a time zone for events, whose times are UTC', () => {
    for (const timeZone of ['UTC', 'Europe/Berlin']) {
      expect(open({ format: 'json', timeZone })).to.throw(
        RangeError,
        `option timeZone: expected none with format 'json', whose times are UTC, got '${timeZone}'`,
      )
    }
  })

  it('refuses a log that cannot write and append', () => {
    const logs: unknown[] = [undefined, null, 42, {}, { write: () => true }, { append: () => 1 }]
    for (const log of logs) {
      expect(() => new AuditLog(mistyped(log))).to.throw(TypeError, 'log: expected an object with')
    }
  })
})
