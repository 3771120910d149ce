import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { expect } from 'chai'
import { AuditLog } from '../../lib/audit/audit-log.js'
import { NanoClock } from '../../lib/platform/nano-clock.js'
import { auditServer } from '../../lib/http/audit-server.js'
import { openSession, openStream, RawClient, streamAnswer } from '../support/http-client.js'
import { HttpLog } from '../support/http-log.js'
import {
  HTTP2,
  HTTPS,
  httpServers,
  type Listener,
  type ServerKind,
} from '../support/http-servers.js'
import { waitFor } from '../support/run-program.js'

const WATCH = '/api/v1/namespaces/mine/pods?watch=true'
const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: bytes\r\n\r\n'

interface Event {
  readonly stage: string
  readonly auditID: string
  readonly requestURI: string
  readonly responseStatus?: { readonly code: number }
}

function eventsIn(log: HttpLog): Event[] {
  return log.lines.map(line => JSON.parse(line) as Event)
}

function stagesIn(log: HttpLog): string[] {
  return eventsIn(log).map(({ stage, responseStatus }) =>
    [stage, responseStatus?.code ?? []].flat().join(' '),
  )
}

/** A client that asked, by either version. */
interface Asked {
  readonly done: Promise<unknown>
  leave(): void
}

describe('events of a server', () => {
  const start = httpServers()

  async function ask(
    { make, version }: ServerKind,
    path: string,
    listener: Listener,
  ): Promise<{ log: HttpLog; asked: Asked; end: () => void }> {
    const log = new HttpLog()
    const server = auditServer(new AuditLog(log, { format: 'json' }), await make(listener))
    const running = await start(server)
    if (version === 1) {
      const client = await RawClient.open(running)
      client.ask({ path })
      const leave = (): unknown => client.socket.destroy()
      return { log, asked: { done: client.answered(), leave }, end: leave }
    }
    const session = await openSession(running)
    const stream = openStream(session, { path })
    const asked = { done: streamAnswer(stream), leave: () => stream.close(8) }
    return { log, asked, end: () => session.destroy() }
  }

  for (const kind of [HTTPS, HTTP2]) {
    it(`are one when it comes and one at its end, on ${kind.name}`, async () => {
      let open: ServerResponse | undefined
      const { log, asked, end } = await ask(kind, '/', (_, response) => {
        response.write('x')
        open = response
      })
      await waitFor('a response', () => open?.headersSent === true)
      await new Promise(setImmediate)
      expect(stagesIn(log)).to.deep.equal(['RequestReceived'])
      open?.end()
      await asked.done
      await waitFor('the end', () => log.lines.length === 2)
      end()
      expect(stagesIn(log)).to.deep.equal(['RequestReceived', 'ResponseComplete 200'])
      const [first, second] = eventsIn(log)
      expect(second?.auditID).to.equal(first?.auditID)
    })

    it(`have one more for the header of a watch, on ${kind.name}`, async () => {
      let open: ServerResponse | undefined
      const { log, asked, end } = await ask(kind, WATCH, (_, response) => {
        response.write('x')
        open = response
      })
      await waitFor('the header', () => log.lines.length === 2)
      expect(stagesIn(log)).to.deep.equal(['RequestReceived', 'ResponseStarted 200'])
      open?.end()
      await asked.done
      await waitFor('the end', () => log.lines.length === 3)
      end()
      expect(stagesIn(log)[2]).to.equal('ResponseComplete 200')
    })

    it(`end when the client leaves, with the code it saw, on ${kind.name}`, async () => {
      const { log, asked, end } = await ask(kind, WATCH, (_, response) => response.write('x'))
      await waitFor('the header', () => log.lines.length === 2)
      asked.leave()
      await waitFor('the end', () => log.lines.length === 3)
      end()
      expect(stagesIn(log)[2]).to.equal('ResponseComplete 200')
    })

    it(`end with 499 when the client leaves before the header, on ${kind.name}`, async () => {
      let entered = 0
      const { log, asked, end } = await ask(kind, WATCH, () => entered++)
      await waitFor('the handler', () => entered === 1)
      asked.leave()
      await waitFor('the end', () => log.lines.length === 2)
      end()
      expect(stagesIn(log)).to.deep.equal(['RequestReceived', 'ResponseComplete 499'])
    })
  }

  it('end with each response of a connection that is kept alive, pipelined or not', async () => {
    const log = new HttpLog()
    const open: ServerResponse[] = []
    const server = await HTTPS.make((_, response) => open.push(response))
    const running = await start(auditServer(new AuditLog(log, { format: 'json' }), server))
    const client = await RawClient.open(running)
    for (const path of ['/1', '/2', '/3']) client.ask({ path })
    await waitFor('all', () => open.length === 3)
    for (const [index, response] of [...open.entries()].toReversed()) {
      response.writeHead(201 + index).end('x')
    }
    await client.answered(3)
    await waitFor('all ends', () => log.lines.length === 6)
    expect(stagesIn(log).slice(3)).to.deep.equal([
      'ResponseComplete 201',
      'ResponseComplete 202',
      'ResponseComplete 203',
    ])
    expect(
      eventsIn(log)
        .map(event => event.requestURI)
        .slice(3),
    ).to.deep.equal(['/1', '/2', '/3'])
    expect(client.socket.closed, 'kept alive').to.equal(false)
  })

  it('have one for 101, and one when the connection of the upgrade ends', async () => {
    const log = new HttpLog()
    const server = auditServer(new AuditLog(log, { format: 'json' }), await HTTPS.make())
    server.on('upgrade', (_: unknown, socket: Duplex) => socket.write(SWITCH))
    const client = await RawClient.open(await start(server))
    client.ask({ headers: { Connection: 'Upgrade', Upgrade: 'bytes' } })
    await client.answered()
    await waitFor('101', () => log.lines.length === 2)
    expect(stagesIn(log)).to.deep.equal(['RequestReceived', 'ResponseStarted 101'])
    await client.leave()
    await waitFor('the end', () => log.lines.length === 3)
    expect(stagesIn(log)[2]).to.equal('ResponseComplete 101')
  })

  it('have the answer of the server itself', async () => {
    const log = new HttpLog()
    let entered = 0
    const server = await HTTPS.make(request => {
      entered++
      request.resume()
    })
    const running = await start(auditServer(new AuditLog(log, { format: 'json' }), server))
    const client = await RawClient.open(running)
    client.send('POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n')
    await waitFor('the handler', () => entered === 1)
    client.send('nonsense\r\n')
    await client.closed()
    await waitFor('the end', () => log.lines.length === 2)
    expect(stagesIn(log)).to.deep.equal(['RequestReceived', 'ResponseComplete 400'])
  })

  it('say when the request came, though its user took long to find out', async () => {
    const log = new HttpLog()
    let ms = 0
    const clock = new NanoClock({ wallMs: () => 1_473_253_437_400 + ms, elapsedMs: () => ms })
    const audit = new AuditLog(log, { format: 'json', clock })
    const user = async (): Promise<string> => {
      ms += 500
      return 'jane'
    }
    const server = await HTTPS.make((_, response) => response.end('x'))
    const client = await RawClient.open(await start(auditServer(audit, server, { user })))
    client.ask()
    await client.answered()
    await waitFor('the end', () => log.lines.length === 2)
    for (const line of log.lines) {
      const event: unknown = JSON.parse(line)
      expect(event).to.include({ requestReceivedTimestamp: '2016-09-07T13:03:57.400000Z' })
      expect(event)
        .to.have.property('stageTimestamp')
        .match(/T13:03:57\.9/)
    }
  })
})
