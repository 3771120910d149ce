import { EventEmitter, once } from 'node:events'
import { expect } from 'chai'
import { AuditLog } from '../../lib/audit/audit-log.js'
import { auditServer } from '../../lib/http/audit-server.js'
import { openSession, openStream, RawClient, streamAnswer } from '../support/http-client.js'
import { HttpLog } from '../support/http-log.js'
import { stage } from '../support/http-play.js'
import { HTTP_SCENARIOS } from '../support/http-scenarios.js'
import { HTTP2, HTTPS, httpServers, SERVER_KINDS, type AnyKind } from '../support/http-servers.js'
import { waitFor } from '../support/run-program.js'

describe('auditServer', () => {
  const start = httpServers()

  for (const { name, version, transport, make } of SERVER_KINDS) {
    for (const scenario of HTTP_SCENARIOS) {
      if (scenario.version && scenario.version !== version) continue
      it(`logs what the client saw, on ${name}: ${scenario.name}`, async () => {
        const log = new HttpLog()
        const { listener, run } = stage(scenario, log)
        const options = { insecure: true, user: async () => 'jane' }
        const server = auditServer(new AuditLog(log), await make(), options)
        server.on('request', listener)
        await run(await start(server, transport), version)
      })
    }
  }

  /** An audited server of HTTPS without any listener yet. */
  async function audited(): Promise<{ log: HttpLog; server: AnyKind }> {
    const log = new HttpLog()
    return { log, server: auditServer(new AuditLog(log), await HTTPS.make()) }
  }

  it('gives the server back, and audits listeners of before and after', async () => {
    const log = new HttpLog()
    const heard: string[] = []
    const server = await HTTPS.make(() => heard.push('before'))
    expect(auditServer(new AuditLog(log), server)).to.equal(server)
    server.on('request', (_, response) => response.end(String(heard.push('after'))))
    const client = await RawClient.open(await start(server))
    client.ask()
    await client.answered()
    expect(heard).to.deep.equal(['before', 'after'])
    expect(log.codes()).to.deep.equal([200])
  })

  it('logs who asks first whether to go on, and is told to', async () => {
    const { log, server } = await audited()
    server.on('request', (request, response) => request.pipe(response))
    server.on('checkContinue', (request, response) => {
      response.writeContinue()
      server.emit('request', request, response)
    })
    const client = await RawClient.open(await start(server))
    client.ask({ method: 'PUT', headers: { expect: '100-continue' }, body: 'x' })
    const [answer] = await client.answered()
    expect(answer).to.include({ code: 200, body: 'x' })
    expect(answer?.interim).to.deep.equal([100])
    expect(log.codes()).to.deep.equal([200])
  })

  it('logs who asks first whether to go on, and is told not to', async () => {
    const { log, server } = await audited()
    server.on('checkContinue', (_, response) => response.writeHead(413).end())
    const client = await RawClient.open(await start(server))
    client.send('PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n')
    const [answer] = await client.answered()
    expect(answer?.interim).to.deep.equal([])
    expect(answer?.code).to.equal(413)
    expect(log.codes()).to.deep.equal([413])
  })

  for (const { name, make, version } of [HTTPS, HTTP2]) {
    it(`logs the 417 that Node answers to what else is expected, on ${name}`, async () => {
      const log = new HttpLog()
      let asked = 0
      const server = auditServer(new AuditLog(log), await make(() => asked++))
      const running = await start(server)
      const question = { headers: { expect: 'a miracle' } }
      const code =
        version === 1 ? await askOnce(running, question) : await askStream(running, question)
      await log.answered(1)
      expect(code).to.equal(417)
      expect(log.codes()).to.deep.equal([417])
      expect(asked).to.equal(0)
    })

    it(`leaves that answer to who listens for it, on ${name}`, async () => {
      const log = new HttpLog()
      let asked = 0
      const server = auditServer(new AuditLog(log), await make(() => asked++))
      server.on('checkExpectation', (_, response) => response.writeHead(203).end())
      const running = await start(server)
      const question = { headers: { expect: 'a miracle' } }
      const code =
        version === 1 ? await askOnce(running, question) : await askStream(running, question)
      await log.answered(1)
      expect(code).to.equal(203)
      expect(log.codes()).to.deep.equal([203])
      expect(asked).to.equal(0)
    })
  }

  it('closes in mid-request, and logs who was answered and who was not', async () => {
    const { log, server } = await audited()
    let asked = 0
    server.on('request', (request, response) => {
      asked++
      if (request.url === '/header') response.write('x')
    })
    const running = await start(server)
    const clients = [await RawClient.open(running), await RawClient.open(running)] as const
    clients[0].ask({ path: '/nothing' })
    await waitFor('a request', () => asked === 1)
    clients[1].ask({ path: '/header' })
    await waitFor('a header', () => clients[1].answers().length === 1)
    server.close()
    server.closeAllConnections()
    await once(server, 'close')
    await log.answered(2)
    expect(log.codes()).to.deep.equal([499, 200])
    expect(clients[0].heard).to.equal('')
  })

  it('logs all requests of a connection that is kept alive', async () => {
    const { log, server } = await audited()
    server.on('request', (request, response) => {
      response.writeHead(Number(request.url?.slice(1))).end('x')
    })
    const client = await RawClient.open(await start(server))
    for (const [index, code] of [200, 404, 503, 201].entries()) {
      client.ask({ path: `/${code}` })
      await client.answered(index + 1)
    }
    expect(client.answers().map(({ code }) => code)).to.deep.equal([200, 404, 503, 201])
    expect(log.codes()).to.deep.equal([200, 404, 503, 201])
  })

  it('answers for Node once, though two logs have the server', async () => {
    const logs = [new HttpLog(), new HttpLog()] as const
    const first = auditServer(new AuditLog(logs[0]), await HTTPS.make())
    const running = await start(auditServer(new AuditLog(logs[1]), first))
    expect(await askOnce(running, { headers: { expect: 'a miracle' } })).to.equal(417)
    expect(await askOnce(running, { method: 'CONNECT', path: 'example.org:443' })).to.equal(
      undefined,
    )
    for (const log of logs) {
      await log.answered(2)
      expect(log.codes()).to.deep.equal([417, 499])
    }
  })

  it('lets all other events be', async () => {
    const { log, server } = await audited()
    const heard: unknown[] = []
    server.on('clientError', (...args) => heard.push(args))
    expect(server.emit('clientError', 1, 2)).to.equal(true)
    expect(server.emit('request')).to.equal(false)
    expect(heard).to.deep.equal([[1, 2]])
    expect(log.lines).to.deep.equal([])
  })

  it('refuses what is no server', () => {
    const audit = new AuditLog(new HttpLog())
    for (const wrong of [undefined, null, {}, () => 0, new EventEmitter()]) {
      expect(() => auditServer(audit, wrong as never)).to.throw(TypeError, 'server')
    }
  })
})

type Asked = Parameters<RawClient['ask']>[0]

async function askOnce(door: Parameters<typeof RawClient.open>[0], question: Asked) {
  const client = await RawClient.open(door)
  client.ask(question)
  const [answer] = await client.answered()
  return answer?.code
}

async function askStream(door: Parameters<typeof RawClient.open>[0], question: Asked) {
  const session = await openSession(door)
  const answer = await streamAnswer(openStream(session, question))
  session.destroy()
  return answer.code
}
