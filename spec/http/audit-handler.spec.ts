import { expect } from 'chai'
import { AuditLog } from '../../lib/audit/audit-log.js'
import { auditHandler } from '../../lib/http/audit-handler.js'
import { HttpLog } from '../support/http-log.js'
import { stage } from '../support/http-play.js'
import { HTTP_SCENARIOS } from '../support/http-scenarios.js'
import { httpServers, SERVER_KINDS } from '../support/http-servers.js'

describe('auditHandler', () => {
  const start = httpServers()

  for (const { name, version, transport, make } of SERVER_KINDS) {
    for (const scenario of HTTP_SCENARIOS) {
      if (scenario.version && scenario.version !== version) continue
      it(`logs what the client saw, on ${name}: ${scenario.name}`, async () => {
        const log = new HttpLog()
        const { listener, run } = stage(scenario, log)
        const handler = auditHandler(new AuditLog(log), listener, { insecure: true })
        await run(await start(await make(handler), transport), version)
      })
    }
  }

  it('refuses what is no function', () => {
    const audit = new AuditLog(new HttpLog())
    expect(() => auditHandler(audit, 'x' as never)).to.throw(TypeError, 'handler')
    expect(() => auditHandler(undefined as never, () => 0)).to.throw(TypeError, 'audit')
  })
})
