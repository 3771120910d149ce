import type { IncomingMessage } from 'node:http'
import { connect, constants } from 'node:http2'
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { expect } from 'chai'
import { WebSocket, WebSocketServer } from 'ws'
import { AuditLog } from '../../lib/audit/audit-log.js'
import { auditServer } from '../../lib/http/audit-server.js'
import type { AuditHttpOptions } from '../../lib/http/http-options.js'
import { httpCertificates } from '../support/http-certificates.js'
import { openSession, openStream, RawClient, streamAnswer } from '../support/http-client.js'
import { HttpLog } from '../support/http-log.js'
import {
  HTTP2,
  HTTPS,
  httpServers,
  SERVER_KINDS,
  type AnyKind,
  type Listener,
  type RunningServer,
} from '../support/http-servers.js'
import { waitFor } from '../support/run-program.js'

/** A listener of upgrades or of CONNECT. */
type Taker = (request: IncomingMessage, socket: Duplex, head: Buffer) => unknown

const UPGRADE = { headers: { Connection: 'Upgrade', Upgrade: 'bytes' } }
const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: bytes\r\n\r\n'
const FORGED = 'HTTP/1.1 500 Internal Server Error\r\n\r\n'

/** What a taker does with the socket, and the code that the client sees of it. */
const takers: readonly [string, number | undefined, Taker][] = [
  ['accepted', 101, (_, socket) => socket.write(SWITCH)],
  [
    'accepted in pieces',
    101,
    (_, socket) => {
      socket.write(SWITCH.slice(0, 10))
      socket.write(Buffer.from(SWITCH.slice(10)))
    },
  ],
  [
    'accepted after an interim answer',
    101,
    (_, socket) => socket.write(`HTTP/1.1 102 Processing\r\n\r\n${SWITCH}`),
  ],
  [
    'accepted, and then bytes like a header',
    101,
    (_, socket) => {
      socket.write(SWITCH)
      socket.write(FORGED)
    },
  ],
  [
    'refused by end',
    400,
    (_, socket) => socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n'),
  ],
  ['cut off', undefined, (_, socket) => socket.destroy()],
  ['ended without a word', undefined, (_, socket) => socket.end()],
  ['answered by what is no HTTP', undefined, (_, socket) => socket.end('no\r\n')],
]

describe('an upgrade', () => {
  const start = httpServers()
  const kinds = SERVER_KINDS.filter(({ version }) => version === 1)

  /** An audited server of HTTPS that upgrades. */
  async function upgrading(
    taker: Taker,
    options: AuditHttpOptions = {},
  ): Promise<{ log: HttpLog; audit: AuditLog; server: RunningServer }> {
    const log = new HttpLog()
    const audit = new AuditLog(log)
    const server = auditServer(audit, await HTTPS.make(), options)
    server.on('upgrade', taker)
    return { log, audit, server: await start(server) }
  }

  for (const [what, code, taker] of takers) {
    for (const { name, make, transport } of kinds) {
      it(`is logged as the client saw it, on ${name}: ${what}`, async () => {
        const log = new HttpLog()
        const server = auditServer(new AuditLog(log), await make(), { insecure: true })
        server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
          socket.on('error', () => undefined)
          taker(request, socket, head)
        })
        const client = await RawClient.open(await start(server, transport))
        client.ask(UPGRADE)
        const [answer] = await client.answered()
        await log.answered(1)
        await client.leave()
        expect(answer?.code).to.equal(code)
        expect(log.codes()).to.deep.equal([code ?? 499])
      })
    }
  }

  for (const { name, make, transport } of kinds) {
    it(`by ws is logged with 101, and works, on ${name}`, async () => {
      const { log, url, options, sockets } = await webSockets(make, transport)
      sockets.on('connection', socket =>
        socket.on('message', bytes => socket.send(bytes, { binary: false })),
      )
      const client = new WebSocket(url, options)
      await once(client, 'open')
      client.send('hello')
      const [heard] = await once(client, 'message')
      client.close()
      await once(client, 'close')
      expect(String(heard)).to.equal('hello')
      expect(log.codes()).to.deep.equal([101])
    })

    it(`that ws refuses is logged with its 401, on ${name}`, async () => {
      const verifyClient = (_: unknown, answer: (ok: boolean, code: number) => void): void =>
        answer(false, 401)
      const { log, url, options } = await webSockets(make, transport, { verifyClient })
      const client = new WebSocket(url, options)
      const [error] = await once(client, 'error')
      expect(String(error)).to.include('401')
      await log.answered(1)
      expect(log.codes()).to.deep.equal([401])
    })
  }

  async function webSockets(
    make: (typeof HTTPS)['make'],
    transport: 'plain' | 'TLS',
    more: object = {},
  ): Promise<{ log: HttpLog; url: string; options: object; sockets: WebSocketServer }> {
    const log = new HttpLog()
    const server = auditServer(new AuditLog(log), await make(), { insecure: true })
    const sockets = new WebSocketServer({ server, ...more })
    const { port } = await start(server, transport)
    const { ca } = await httpCertificates()
    const url = `${transport === 'TLS' ? 'wss' : 'ws'}://127.0.0.1:${port}/`
    return { log, url, options: { ca }, sockets }
  }

  it('that nobody listens for is a request like any other', async () => {
    const log = new HttpLog()
    const server = await HTTPS.make((_, response) => response.writeHead(203).end())
    const client = await RawClient.open(await start(auditServer(new AuditLog(log), server)))
    client.ask(UPGRADE)
    const [answer] = await client.answered()
    expect(answer?.code).to.equal(203)
    expect(log.codes()).to.deep.equal([203])
  })

  it('loses no byte while it waits for its line', async () => {
    let heard = ''
    const { log, server } = await upgrading((_, socket, head) => {
      heard += String(head)
      socket.on('data', (bytes: Buffer) => (heard += String(bytes)))
      socket.write(SWITCH)
    })
    log.hold()
    const client = await RawClient.open(server)
    client.ask({ ...UPGRADE })
    client.send('first,')
    await waitFor('a line', () => log.waiting === 1)
    client.send('second')
    log.release()
    await waitFor('all bytes', () => heard === 'first,second')
    expect(log.codes()).to.deep.equal([101])
  })

  it('whose client leaves while it waits for its line has no handler, and does no harm', async () => {
    let taken = 0
    const { log, server } = await upgrading(() => taken++)
    log.hold()
    const client = await RawClient.open(server)
    client.ask(UPGRADE)
    await waitFor('a line', () => log.waiting === 1)
    await client.leave()
    await log.answered(1)
    log.release()
    expect(log.codes()).to.deep.equal([499])
    expect(taken).to.equal(0)
  })

  it('whose client resets the connection while it waits for its line does no harm', async () => {
    const log = new HttpLog()
    const [plain] = SERVER_KINDS
    const server = auditServer(new AuditLog(log), await plain!.make(), { insecure: true })
    server.on('upgrade', () => expect.fail('it is gone'))
    const client = await RawClient.open(await start(server, 'plain'))
    log.hold()
    client.ask(UPGRADE)
    await waitFor('a line', () => log.waiting === 1)
    client.socket.resetAndDestroy()
    await log.answered(1)
    log.release()
    await new Promise(setImmediate)
    expect(log.codes()).to.deep.equal([499])
  })

  it('whose line cannot be kept is refused in mode blocking-strict', async () => {
    let taken = 0
    const { log, audit, server } = await upgrading(() => taken++, { mode: 'blocking-strict' })
    log.failure = new Error('of the log')
    const client = await RawClient.open(server)
    client.ask(UPGRADE)
    const [answer] = await client.answered()
    expect(answer).to.include({ code: 500, status: 'whole' })
    await client.closed()
    expect(taken).to.equal(0)
    expect(audit.stats()).to.deep.equal({ events: 2, errors: 2, rejectedRequests: 1 })
  })

  it('that is answered before the request ahead of it keeps its own code', async () => {
    const log = new HttpLog()
    const server = auditServer(new AuditLog(log), await HTTPS.make())
    let answerFirst: (() => unknown) | undefined
    server.on('request', (_, response) => {
      answerFirst = () => response.writeHead(203).end('x')
    })
    server.on('upgrade', (_: unknown, socket: Duplex) => void socket.write(SWITCH))
    const client = await RawClient.open(await start(server))
    client.ask({ path: '/first' })
    client.ask(UPGRADE)
    await log.answered(1)
    answerFirst?.()
    await log.answered(2)
    const codes = log.pairs().map(({ request, code }) => [request.uri, code])
    expect(codes[0]).to.deep.equal(['/first', 203])
    expect(codes[1]?.[1]).to.equal(101)
  })

  it('after a pipelined request that is not answered yet takes nothing of its code', async () => {
    const log = new HttpLog()
    const server = auditServer(new AuditLog(log), await HTTPS.make())
    const waiting: (() => void)[] = []
    server.on('request', (_, response) => {
      waiting.push(() => response.writeHead(203).end('x'))
    })
    server.on('upgrade', (_: unknown, socket: Duplex) => {
      waiting.push(() => socket.write(SWITCH))
    })
    const client = await RawClient.open(await start(server))
    client.ask()
    client.ask(UPGRADE)
    for (const count of [1, 2]) {
      await waitFor('both handlers', () => waiting.length === 2)
      waiting[count - 1]?.()
      await client.answered(count)
    }
    await log.answered(2)
    expect(client.answers().map(({ code }) => code)).to.deep.equal([203, 101])
    expect(log.codes()).to.deep.equal([203, 101])
  })
})

describe('CONNECT', () => {
  const start = httpServers()

  /** Without a listener of requests a server of HTTP/2 has no compatibility API. */
  const noListener: Listener = () => expect.fail('it is no request')

  async function serve(server: AnyKind): Promise<{ log: HttpLog; running: RunningServer }> {
    const log = new HttpLog()
    return { log, running: await start(auditServer(new AuditLog(log), server)) }
  }

  it('is logged with the code of who accepts it, whatever the tunnel says then', async () => {
    const server = await HTTPS.make()
    server.on('connect', (_, socket) => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n')
      socket.end(FORGED)
    })
    const { log, running } = await serve(server)
    const client = await RawClient.open(running)
    client.ask({ method: 'CONNECT', path: 'example.org:443' })
    await client.closed()
    expect(client.answers()[0]).to.include({ code: 200, body: FORGED })
    const [pair] = log.pairs()
    expect(pair?.request).to.include({ method: 'CONNECT', uri: 'example.org:443' })
    expect(log.codes()).to.deep.equal([200])
  })

  it('that nobody listens for is cut off, as Node does', async () => {
    const { log, running } = await serve(await HTTPS.make())
    const client = await RawClient.open(running)
    client.ask({ method: 'CONNECT', path: 'example.org:443' })
    await client.closed()
    expect(client.heard).to.equal('')
    await log.answered(1)
    expect(log.codes()).to.deep.equal([499])
  })

  it('of HTTP/2 is logged with the code of who accepts it', async () => {
    const server = await HTTP2.make(noListener)
    server.on('connect', (_, response) => Reflect.apply(Reflect.get(response, 'end'), response, []))
    const { log, running } = await serve(server)
    const session = await openSession(running)
    const stream = session.request({ ':method': 'CONNECT', ':authority': 'example.org:443' })
    stream.end()
    const answer = await streamAnswer(stream)
    session.destroy()
    expect(answer.code).to.equal(200)
    const [pair] = log.pairs()
    expect(pair?.request).to.include({ method: 'CONNECT', uri: 'example.org:443' })
    expect(log.codes()).to.deep.equal([200])
  })

  it('of HTTP/2 that nobody listens for is answered 405, as Node does', async () => {
    const { log, running } = await serve(await HTTP2.make(noListener))
    const session = await openSession(running)
    const stream = session.request({ ':method': 'CONNECT', ':authority': 'example.org:443' })
    stream.end()
    const answer = await streamAnswer(stream)
    session.destroy()
    expect(answer.code).to.equal(405)
    expect(log.codes()).to.deep.equal([405])
  })

  it('of HTTP/2 for another protocol is logged too', async () => {
    const settings = { enableConnectProtocol: true }
    const server = await HTTP2.make(noListener, { settings })
    server.on('connect', (_, response) => Reflect.apply(Reflect.get(response, 'end'), response, []))
    const { log, running } = await serve(server)
    const { ca } = await httpCertificates()
    const session = connect(`https://127.0.0.1:${running.port}`, { ca })
    await once(session, 'remoteSettings')
    const stream = openStream(session, { method: 'CONNECT', headers: { ':protocol': 'websocket' } })
    const answer = await streamAnswer(stream)
    session.destroy()
    expect(answer.code).to.equal(constants.HTTP_STATUS_OK)
    expect(log.codes()).to.deep.equal([200])
  })
})
