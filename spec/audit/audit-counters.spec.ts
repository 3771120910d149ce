import { expect } from 'chai'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { AuditCounters } from '../../lib/audit/audit-counters.js'
import { RollkeeperError } from '../../lib/platform/rollkeeper-error.js'

const CHANNELS = ['event', 'error', 'rejected'].map(name => `rollkeeper:audit:${name}`)

/** A log that says how much it has dropped. */
class ForgetfulLog {
  dropped = 0
  stats(): { dropped: number } {
    return { dropped: this.dropped }
  }
}

/** What is published while something is done. */
function published(act: () => void): unknown[] {
  const messages: unknown[] = []
  const listener = (message: unknown, name: string | symbol): void => {
    messages.push([String(name).split(':')[2], message])
  }
  for (const name of CHANNELS) subscribe(name, listener)
  act()
  for (const name of CHANNELS) unsubscribe(name, listener)
  return messages
}

describe('AuditCounters', () => {
  it('counts events, errors and refused requests', () => {
    const counters = new AuditCounters()
    counters.countEvent('x', 'line\n')
    counters.countEvent('x', 'line\n')
    counters.countEvent('y', 'line\n')
    counters.countError('x', new Error('no'))
    counters.countError(undefined, new Error('no'))
    counters.countRejected('x')
    expect(counters.stats()).to.deep.equal({ events: 3, errors: 2, rejectedRequests: 1 })
  })

  it('publishes each, to those who listen', () => {
    const counters = new AuditCounters()
    const error = new Error('no')
    const messages = published(() => {
      counters.countEvent('x', 'line\n')
      counters.countError('x', error)
      counters.countRejected('x')
    })
    expect(messages).to.deep.equal([
      ['event', { id: 'x', line: 'line\n' }],
      ['error', { id: 'x', error }],
      ['rejected', { id: 'x' }],
    ])
  })

  it('counts what the log drops from now on, once', () => {
    const log = new ForgetfulLog()
    log.dropped = 7
    const counters = new AuditCounters(log)
    log.dropped = 10
    const messages = published(() => {
      counters.countDropped('x')
      counters.countDropped('x')
    })
    expect(counters.stats().errors).to.equal(3)
    expect(messages).to.have.lengthOf(1)
    expect(messages).to.have.nested.property('[0][1].error.code', 'ERR_ROLLKEEPER_DROPPED')
    expect(messages).to.have.nested.property('[0][1].error.message', 'the log dropped 3 records')
  })

  it('counts an append that the log dropped once, though the log counts it too', () => {
    const dropped = new RollkeeperError('ERR_ROLLKEEPER_DROPPED', 'dropped')
    const log = new ForgetfulLog()
    const counters = new AuditCounters(log)
    log.dropped = 2
    counters.countError('x', dropped)
    counters.countError('y', dropped)
    counters.countDropped('z')
    expect(counters.stats().errors).to.equal(2)
    const unknowing = new AuditCounters({})
    unknowing.countError('x', dropped)
    expect(unknowing.stats().errors).to.equal(1)
  })

  it('takes a log that tells nothing, or something else', () => {
    const logs = [undefined, null, {}, { stats: 1 }, { stats: () => null }, { stats: () => ({}) }]
    for (const log of [...logs, { stats: () => ({ dropped: '3' }) }]) {
      const counters = new AuditCounters(log)
      counters.countDropped('x')
      expect(counters.stats()).to.deep.equal({ events: 0, errors: 0, rejectedRequests: 0 })
    }
  })
})
