import type { ServerResponse } from 'node:http'
import { expect } from 'chai'
import { DroppedReply, replyBy, SocketReply } from '../../lib/http/reply.js'
import { openSession, openStream, RawClient, streamAnswer } from '../support/http-client.js'
import { makeExchange, makeSocket } from '../support/http-exchange.js'
import { HttpLog } from '../support/http-log.js'
import { httpServers, SERVER_KINDS, type ServerKind } from '../support/http-servers.js'

const ID = 'the-id'

describe('replyBy', () => {
  const start = httpServers()

  async function ask(
    { make, transport, version }: ServerKind,
    handle: (response: ServerResponse) => unknown,
  ): Promise<{ code?: number | undefined; headers: Record<string, string>; body: string }> {
    const server = await make((_, response) => handle(response))
    const running = await start(server, transport)
    if (version === 1) {
      const client = await RawClient.open(running)
      client.ask()
      const [answer] = await client.answered()
      return answer ?? { headers: {}, body: '' }
    }
    const session = await openSession(running)
    const answer = await streamAnswer(openStream(session))
    session.destroy()
    return answer
  }

  for (const kind of SERVER_KINDS) {
    it(`tells the exchange of the header, and the client of its id, on ${kind.name}`, async () => {
      const log = new HttpLog()
      const answer = await ask(kind, response => {
        replyBy(response).follow(makeExchange(log, ID))
        response.writeHead(203).end('x')
      })
      expect(answer.headers['audit-id']).to.equal(ID)
      expect(log.codes()).to.deep.equal([203])
    })

    it(`refuses with 500 and says why, on ${kind.name}`, async () => {
      const log = new HttpLog()
      const answer = await ask(kind, response => {
        const reply = replyBy(response)
        reply.follow(makeExchange(log, ID))
        reply.refuse()
      })
      expect(answer.code).to.equal(500)
      expect(answer.headers['content-type']).to.equal('text/plain; charset=utf-8')
      expect(answer.body).to.include('could not be audited').and.match(/\n$/)
      expect(log.codes()).to.deep.equal([500])
    })

    it(`refuses nothing that is answered already, on ${kind.name}`, async () => {
      const answer = await ask(kind, response => {
        response.write('x')
        replyBy(response).refuse()
        response.end('y')
      })
      expect(answer).to.include({ code: 200, body: 'xy' })
    })
  }
})

describe('SocketReply', () => {
  it('refuses with 500, the whole of it, and closes', async () => {
    const log = new HttpLog()
    const { socket, written } = makeSocket()
    const reply = new SocketReply(socket)
    reply.follow(makeExchange(log, ID))
    reply.refuse()
    await new Promise(setImmediate)
    const [header = '', body] = written.join('').split('\r\n\r\n')
    expect(header).to.match(/^HTTP\/1\.1 500 Internal Server Error\r\nConnection: close\r\n/)
    expect(header).to.include(`Content-Length: ${body?.length}`)
    expect(socket.destroyed).to.equal(true)
    expect(log.codes()).to.deep.equal([500])
  })

  it('bears errors of the socket until the handler has it, and leaves them to that then', () => {
    const { socket } = makeSocket()
    const reply = new SocketReply(socket)
    reply.follow(makeExchange(new HttpLog(), ID))
    expect(socket.emit('error', new Error('of the socket'))).to.equal(true)
    reply.handOver()
    expect(socket.listenerCount('error')).to.equal(0)
  })
})

describe('DroppedReply', () => {
  it('hears the answer of the server, and never answers itself', async () => {
    const log = new HttpLog()
    const { socket, written } = makeSocket()
    const reply = new DroppedReply(socket)
    reply.follow(makeExchange(log, ID))
    reply.refuse()
    expect(written).to.deep.equal([])
    socket.write('HTTP/1.1 503 Service Unavailable\r\n\r\n')
    expect(log.codes()).to.deep.equal([503])
  })
})
