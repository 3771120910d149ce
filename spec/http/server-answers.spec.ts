import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { AuditLog } from '../../lib/audit/audit-log.js'
import { auditServer } from '../../lib/http/audit-server.js'
import type { AuditHttpOptions } from '../../lib/http/http-options.js'
import { RawClient } from '../support/http-client.js'
import { HttpLog } from '../support/http-log.js'
import { HTTPS, httpServers, type AnyKind, type Listener } from '../support/http-servers.js'
import { waitFor } from '../support/run-program.js'

const CHUNKED = 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n'

/** Options of a server that waits half a second, which is enough for a request that is sent. */
const IMPATIENT = { requestTimeout: 500, headersTimeout: 500, connectionsCheckingInterval: 20 }

/** Reads the body, and answers nothing if that fails. */
const reader: Listener = async (request, response) => {
  try {
    response.end(await text(request))
  } catch {
    // Node has answered.
  }
}

/** What Node answers by itself while a handler waits for the body. */
const answers: readonly [string, number, string][] = [
  ['a chunk that is none', 400, 'nonsense\r\n'],
  ['an extension of a chunk that is too long', 413, `1;${'x'.repeat(20_000)}\r\n`],
  ['trailers that are too long', 431, `0\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`],
]

describe('what a server answers by itself', () => {
  const start = httpServers()

  async function serve(
    listener?: Listener,
    serverOptions: object = {},
    options: AuditHttpOptions = {},
  ): Promise<{ log: HttpLog; server: AnyKind; connect: () => Promise<RawClient> }> {
    const log = new HttpLog()
    const server = await HTTPS.make(listener, serverOptions)
    const running = await start(auditServer(new AuditLog(log), server, options))
    return { log, server, connect: () => RawClient.open(running) }
  }

  for (const [what, code, body] of answers) {
    it(`is logged while a handler waits for the body: ${code} to ${what}`, async () => {
      const { log, server, connect } = await serve(reader)
      const client = await connect()
      client.send(CHUNKED)
      await once(server, 'request')
      client.send(body)
      await client.closed()
      await log.answered(1)
      expect(client.answers()[0]?.code).to.equal(code)
      expect(log.codes()).to.deep.equal([code])
    })
  }

  it('is logged too if it comes before the handler, which then is not called', async () => {
    let asked = 0
    const { log, connect } = await serve(() => asked++)
    log.hold()
    const client = await connect()
    client.send(`${CHUNKED}nonsense\r\n`)
    await client.closed()
    await log.answered(1)
    log.release()
    expect(client.answers()[0]?.code).to.equal(400)
    expect(log.codes()).to.deep.equal([400])
    expect(asked).to.equal(0)
  })

  it('is logged: 408 to a body that is too slow', async () => {
    const { log, connect } = await serve(reader, IMPATIENT)
    const client = await connect()
    client.send(`${CHUNKED}1\r\nx`)
    await client.closed()
    await log.answered(1)
    expect(client.answers()[0]?.code).to.equal(408)
    expect(log.codes()).to.deep.equal([408])
  })

  it('is not logged where there is no request: headers that are too slow, too long, or none', async () => {
    const { log, connect } = await serve(reader, IMPATIENT)
    const clients = [await connect(), await connect(), await connect()] as const
    clients[0].send('GET / HTTP/1.1\r\nHost: ')
    clients[1].send(`GET / HTTP/1.1\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`)
    clients[2].send('nonsense\r\n\r\n')
    for (const client of clients) await client.closed()
    expect(clients.map(client => client.answers()[0]?.code)).to.deep.equal([408, 431, 400])
    expect(log.lines).to.deep.equal([])
  })

  it('is logged if a listener of clientError answers in its place', async () => {
    const { log, server, connect } = await serve(reader)
    server.on('clientError', (_, socket) => {
      socket.end('HTTP/1.1 422 Unprocessable\r\nContent-Length: 0\r\n\r\n')
    })
    const client = await connect()
    client.send(CHUNKED)
    await once(server, 'request')
    client.send('nonsense\r\n')
    await client.closed()
    await log.answered(1)
    expect(client.answers()[0]?.code).to.equal(422)
    expect(log.codes()).to.deep.equal([422])
  })

  it('is not logged as the answer of a response that is under way', async () => {
    const { log, connect } = await serve((_, response) => response.write('x'))
    const client = await connect()
    client.send(CHUNKED)
    await waitFor('a header', () => client.answers().length === 1)
    client.send('nonsense\r\n')
    await client.closed()
    expect(client.answers()[0]?.code).to.equal(200)
    expect(log.codes()).to.deep.equal([200])
  })

  for (const mode of ['blocking', 'blocking-strict', 'batch'] as const) {
    it(`is logged, and told as ever: 503 to a request too many, mode ${mode}`, async () => {
      const user = async (): Promise<string> => 'jane'
      const { log, server, connect } = await serve(
        (_, response) => response.end('x'),
        {},
        {
          mode,
          user,
        },
      )
      server.maxRequestsPerSocket = 2
      const dropped: (string | undefined)[] = []
      server.on('dropRequest', (request: IncomingMessage, socket: Duplex) => {
        expect(socket.destroyed).to.equal(false)
        dropped.push(request.url)
      })
      const client = await connect()
      for (const path of ['/1', '/2', '/3', '/4']) client.ask({ path })
      await client.answered(4)
      await log.answered(client.answers().length)
      expect(log.codes()).to.deep.equal(client.answers().map(({ code }) => code))
      expect(log.codes().slice(0, 3)).to.deep.equal([200, 200, 503])
      expect(dropped[0]).to.equal('/3')
    })
  }

  it('is told as ever where the log fails', async () => {
    const strict = { mode: 'blocking-strict' } as const
    const { log, server, connect } = await serve((_, response) => response.end('x'), {}, strict)
    log.failure = new Error('of the log')
    server.maxRequestsPerSocket = 1
    const dropped: (string | undefined)[] = []
    server.on('dropRequest', (request: IncomingMessage) => dropped.push(request.url))
    const client = await connect()
    for (const path of ['/1', '/2']) client.ask({ path })
    await client.answered(2)
    expect(client.answers().map(({ code }) => code)).to.deep.equal([500, 503])
    expect(dropped).to.deep.equal(['/2'])
  })
})
