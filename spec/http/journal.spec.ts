import { expect } from 'chai'
import { AuditLog } from '../../lib/audit/audit-log.js'
import type { AuditMode } from '../../lib/http/http-options.js'
import { Journal } from '../../lib/http/journal.js'
import { HttpLog } from '../support/http-log.js'
import { ManualClock } from '../support/manual-clock.js'

const MAX_WAIT_MS = 1000

/** A journal whose clock the test holds. */
function keep(mode: AuditMode): {
  journal: Journal
  log: HttpLog
  audit: AuditLog
  clock: ManualClock
  ask: () => boolean | Promise<boolean>
} {
  const log = new HttpLog()
  const audit = new AuditLog(log)
  const clock = new ManualClock()
  const journal = new Journal(audit, { mode, maxWaitMs: MAX_WAIT_MS, clock })
  let count = 0
  const ask = (): boolean | Promise<boolean> =>
    journal.request({ id: String(count++), method: 'GET', uri: '/' })
  return { journal, log, audit, clock, ask }
}

const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

describe('Journal', () => {
  for (const mode of ['blocking', 'blocking-strict'] as const) {
    it(`says that a line is kept when it is acknowledged, mode ${mode}`, async () => {
      const { log, clock, ask, audit } = keep(mode)
      log.hold()
      let kept: boolean | undefined
      void Promise.resolve(ask()).then(answer => (kept = answer))
      clock.pass(MAX_WAIT_MS - 1)
      await turn()
      expect(kept).to.equal(undefined)
      log.release()
      await turn()
      expect(kept).to.equal(true)
      expect(clock.waiting).to.equal(0)
      expect(audit.stats()).to.include({ errors: 0 })
    })

    it(`lets each line wait as long, though a log has one promise for several, mode ${mode}`, async () => {
      const { clock, ask, audit } = keep(mode)
      const never = new Promise<void>(() => {})
      audit.handRequest = () => never
      const settled: number[] = []
      const wait = (number: number): void =>
        void Promise.resolve(ask()).then(() => settled.push(number))
      wait(1)
      await turn()
      clock.pass(MAX_WAIT_MS - 1)
      wait(2)
      clock.pass(1)
      await turn()
      expect(settled).to.deep.equal([1])
      clock.pass(MAX_WAIT_MS)
      await turn()
      expect(settled).to.deep.equal([1, 2])
    })

    it(`takes a log that gives no promise at its word, mode ${mode}`, async () => {
      const { ask, audit } = keep(mode)
      audit.handRequest = () => undefined as never
      expect(await Promise.all([ask(), ask()])).to.deep.equal([true, true])
    })

    it(`says that it is not when the log refuses it, and counts it, mode ${mode}`, async () => {
      const { log, clock, ask, audit } = keep(mode)
      log.failure = new Error('of the log')
      expect(await ask()).to.equal(false)
      expect(clock.waiting).to.equal(0)
      expect(audit.stats()).to.deep.equal({ events: 1, errors: 1, rejectedRequests: 0 })
    })

    it(`waits so long, and then for nothing until the log answers again, mode ${mode}`, async () => {
      const { log, clock, ask, audit } = keep(mode)
      log.hold()
      const first = ask()
      const second = ask()
      clock.pass(MAX_WAIT_MS)
      expect(await Promise.all([first, second])).to.deep.equal([false, false])
      expect(audit.stats()).to.include({ events: 2, errors: 2 })
      expect(ask(), 'at once').to.equal(false)
      expect(clock.waiting).to.equal(0)
      expect(audit.stats()).to.include({ events: 3, errors: 3 })
      expect(log.lines, 'handed over all the same').to.have.lengthOf(3)
      log.release()
      await turn()
      expect(await ask(), 'as before').to.equal(true)
      expect(audit.stats()).to.include({ events: 4, errors: 3 })
    })

    it(`waits again when the log has refused what was waited for, mode ${mode}`, async () => {
      const { log, clock, ask } = keep(mode)
      log.hold()
      const late = ask()
      clock.pass(MAX_WAIT_MS)
      expect(await late).to.equal(false)
      log.release()
      await turn()
      log.hold()
      const next = ask()
      expect(next).to.be.a('promise')
      log.release()
      expect(await next).to.equal(true)
    })

    it(`appends responses, and counts what fails, mode ${mode}`, async () => {
      const { journal, log, audit } = keep(mode)
      journal.response('x', 200, 'ResponseComplete')
      expect(log.answers).to.equal(1)
      log.failure = new Error('of the log')
      journal.response('x', 200, 'ResponseComplete')
      await turn()
      expect(audit.stats()).to.deep.equal({ events: 2, errors: 1, rejectedRequests: 0 })
    })

    it(`writes responses, without an append each, while the log answers nothing, ${mode}`, async () => {
      const { journal, log, clock, ask, audit } = keep(mode)
      log.hold()
      const late = ask()
      clock.pass(MAX_WAIT_MS)
      await late
      journal.response('0', 200, 'ResponseComplete')
      expect(log.waiting).to.equal(1)
      expect(log.answers).to.equal(1)
      log.failure = new Error('of the log')
      journal.response('0', 200, 'ResponseComplete')
      expect(audit.stats()).to.include({ events: 3, errors: 2 })
    })
  }

  it('waits for nothing in mode batch', () => {
    const { journal, log, clock, ask, audit } = keep('batch')
    log.hold()
    expect(ask()).to.equal(true)
    journal.response('0', 200, 'ResponseComplete')
    expect(log.codes()).to.deep.equal([200])
    expect([log.waiting, clock.waiting]).to.deep.equal([0, 0])
    log.failure = new Error('of the log')
    expect(ask()).to.equal(false)
    journal.response('1', 200, 'ResponseComplete')
    expect(audit.stats()).to.deep.equal({ events: 4, errors: 2, rejectedRequests: 0 })
  })

  it('counts a line that cannot be made, and goes on', async () => {
    const { journal, audit } = keep('blocking')
    const wrong = { id: 'x', method: 42 as never, uri: '/' }
    expect(await journal.request(wrong)).to.equal(false)
    expect(journal.writeRequest(wrong)).to.equal(false)
    expect(audit.stats()).to.deep.equal({ events: 0, errors: 2, rejectedRequests: 0 })
  })
})
