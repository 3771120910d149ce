import { expect } from 'chai'
import { AuditLog } from '../../lib/audit/audit-log.js'
import type { AuditLogFormat } from '../../lib/audit/audit-record.js'
import { Exchange, type Arrival } from '../../lib/http/exchange.js'
import { Journal } from '../../lib/http/journal.js'
import { HttpLog, pairsIn } from '../support/http-log.js'

const WATCH = '/api/v1/pods?watch=true'

/** An exchange of its own, and what it writes. */
function arrive(
  format: AuditLogFormat = '1.6',
  target = '/',
): { exchange: Exchange; open: Map<string, Exchange>; log: HttpLog; stages: () => string[] } {
  const log = new HttpLog()
  const journal = new Journal(new AuditLog(log, { format }), { mode: 'batch', maxWaitMs: 1000 })
  const user = { user: undefined, groups: undefined }
  const arrival: Arrival = { id: 'one', method: 'GET', uri: target, target, ...user }
  const open = new Map<string, Exchange>()
  const form = format === 'json' ? 'events' : 'lines'
  const exchange = new Exchange(arrival, { journal, form, open })
  const stages = (): string[] =>
    log.lines.map(line => {
      const event = JSON.parse(line) as { stage: string; responseStatus?: { code: number } }
      return [event.stage, event.responseStatus?.code ?? []].flat().join(' ')
    })
  return { exchange, open, log, stages }
}

describe('Exchange, in lines', () => {
  it('writes its request, and its response with the header; then it is over', () => {
    const { exchange, open, log } = arrive()
    expect(exchange).to.include({ id: 'one', hasEnd: false, awaitsHeader: true, isOver: false })
    expect(open.get('one')).to.equal(exchange)
    expect(exchange.record({ name: 'jane', groups: ['dev'] })).to.equal(true)
    expect(log.lines).to.have.lengthOf(1)
    exchange.sent(201)
    expect(exchange).to.include({ awaitsHeader: false, isOver: true })
    expect(open.size).to.equal(0)
    const [pair] = log.pairs()
    expect(pair).to.include({ code: 201 })
    expect(pair?.request).to.include({ id: 'one', user: 'jane' })
  })

  it('writes two lines, whatever it is told and how often', () => {
    const { exchange, log } = arrive()
    void exchange.record(undefined)
    expect(exchange.record(undefined)).to.equal(false)
    exchange.sent(200)
    exchange.sent(500)
    exchange.fail()
    exchange.end()
    exchange.end()
    expect(exchange.record(undefined)).to.equal(false)
    expect(log.codes()).to.deep.equal([200])
  })

  it('writes 499 where it ends without a header', () => {
    const { exchange, log } = arrive()
    void exchange.record(undefined)
    exchange.end()
    exchange.sent(200)
    expect(log.codes()).to.deep.equal([499])
  })

  it('writes its request, without a user, if it ends or is answered before that is known', () => {
    for (const [how, code] of [['end', 499] as const, ['sent', 400] as const]) {
      const { exchange, log } = arrive()
      if (how === 'end') exchange.end()
      else exchange.sent(400)
      expect(exchange.record({ name: 'jane' })).to.equal(false)
      expect(log.codes()).to.deep.equal([code])
      expect(log.pairs()[0]?.request.user).to.equal(undefined)
    }
  })

  it('writes one line for a watch too, and for a handler that threw', () => {
    const { exchange, log } = arrive('1.4', WATCH)
    void exchange.record(undefined)
    exchange.fail()
    exchange.sent(200)
    expect(pairsIn(log.lines).map(({ code }) => code)).to.deep.equal([200])
  })
})

describe('Exchange, in events', () => {
  it('writes its response at the end', () => {
    const { exchange, stages } = arrive('json')
    expect(exchange.hasEnd).to.equal(true)
    void exchange.record(undefined)
    exchange.sent(200)
    expect(exchange).to.include({ awaitsHeader: false, isOver: false })
    expect(stages()).to.deep.equal(['RequestReceived'])
    exchange.end()
    expect(stages()).to.deep.equal(['RequestReceived', 'ResponseComplete 200'])
  })

  it('tells of the header of a watch, and of 101', () => {
    for (const [target, code] of [[WATCH, 200] as const, ['/', 101] as const]) {
      const { exchange, stages } = arrive('json', target)
      void exchange.record(undefined)
      exchange.sent(code)
      exchange.sent(500)
      expect(stages()).to.deep.equal(['RequestReceived', `ResponseStarted ${code}`])
      exchange.end()
      expect(stages().slice(2)).to.deep.equal([`ResponseComplete ${code}`])
    }
  })

  it('has Panic at the end where the handler threw, with the code that came', () => {
    for (const code of [undefined, 500]) {
      const { exchange, stages } = arrive('json')
      void exchange.record(undefined)
      exchange.fail()
      if (code) exchange.sent(code)
      exchange.end()
      expect(stages()).to.deep.equal(['RequestReceived', `Panic ${code ?? 499}`])
    }
  })

  it('writes both in order if it is answered and ends before its user is known', () => {
    const { exchange, stages } = arrive('json', WATCH)
    exchange.sent(400)
    expect(stages()).to.deep.equal([])
    exchange.end()
    expect(stages()).to.deep.equal(['RequestReceived', 'ResponseComplete 400'])
  })
})
