import type { ServerResponse } from 'node:http'
import { Duplex, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { expect } from 'chai'
import { Connection } from '../../lib/http/connection.js'
import type { Exchange } from '../../lib/http/exchange.js'
import { makeExchange, makeSocket } from '../support/http-exchange.js'
import { HttpLog } from '../support/http-log.js'

const HEADER = 'HTTP/1.1 203 x\r\n\r\n'
const OTHER = 'HTTP/1.1 500 x\r\n\r\n'

/** A place for exchanges, and their log. */
function exchanges(): { log: HttpLog; open: () => Exchange } {
  const log = new HttpLog()
  let count = 0
  return { log, open: () => makeExchange(log, String(count++)) }
}

/** A response that has the connection, or that waits for it. */
function makeResponse(socket: Duplex | null): ServerResponse {
  return { socket, headersSent: true, writableEnded: false } as unknown as ServerResponse
}

describe('Connection', () => {
  it('is one for a socket', () => {
    const { socket } = makeSocket()
    expect(Connection.of(socket)).to.equal(Connection.of(socket))
    expect(Connection.of(socket)).not.to.equal(Connection.of(makeSocket().socket))
  })

  it('sees what is written in whatever way, and changes nothing', async () => {
    const ways: readonly ((socket: Duplex) => unknown)[] = [
      socket => socket.write(HEADER),
      socket => socket.write(Buffer.from(HEADER)),
      socket => socket.end(HEADER),
      socket => pipeline(Readable.from([HEADER]), socket),
    ]
    for (const write of ways) {
      const { log, open } = exchanges()
      const { socket, written } = makeSocket()
      Connection.of(socket).follow(open())
      await write(socket)
      expect(written).to.deep.equal([HEADER])
      expect(log.codes()).to.deep.equal([203])
    }
  })

  it('gives what a write gives, and calls back', async () => {
    const socket = new Duplex({
      writableHighWaterMark: 1,
      write: (_chunk, _encoding, done) => setImmediate(done),
    })
    Connection.of(socket)
    expect(socket.write('xx')).to.equal(false)
    await new Promise<void>(resolve => socket.end('x', 'utf8', resolve))
    expect(socket.writableFinished).to.equal(true)
  })

  it('gives what is written to the response that has the connection, not to those that wait', () => {
    const { log, open } = exchanges()
    const { socket } = makeSocket()
    const connection = Connection.of(socket)
    const [first, second] = [makeResponse(socket), makeResponse(null)]
    connection.follow(open(), first)
    connection.follow(open(), second)
    connection.follow(open())
    socket.write(HEADER)
    socket.write(OTHER)
    expect(log.answers, 'the rest is a body').to.equal(1)
    Object.assign(first, { socket: null })
    Object.assign(second, { socket })
    socket.write(HEADER)
    Object.assign(second, { socket: null })
    socket.write(OTHER)
    expect(log.codes()).to.deep.equal([203, 203, 500])
  })

  it('gives nothing to a response that waits, also where none has the connection', () => {
    const { log, open } = exchanges()
    const { socket } = makeSocket()
    const connection = Connection.of(socket)
    const waiting = makeResponse(null)
    connection.follow(open(), waiting)
    socket.write(OTHER)
    expect(log.answers).to.equal(0)
    Object.assign(waiting, { socket })
    socket.write(HEADER)
    expect(log.codes()).to.deep.equal([203])
  })

  it('keeps a response that has the connection, though others come', () => {
    const { log, open } = exchanges()
    const { socket } = makeSocket()
    const connection = Connection.of(socket)
    connection.follow(open(), makeResponse(socket))
    socket.write(HEADER)
    connection.follow(open())
    socket.write(OTHER)
    expect(log.answers).to.equal(1)
  })

  it('takes nothing that goes through a tunnel for the answer to a request before it', () => {
    const { log, open } = exchanges()
    const { socket } = makeSocket()
    const connection = Connection.of(socket)
    const unanswered = Object.assign(makeResponse(socket), { headersSent: false })
    connection.follow(open(), unanswered)
    connection.follow(open())
    socket.write(HEADER)
    socket.write(OTHER)
    expect(log.answers).to.equal(1)
    Object.assign(unanswered, { headersSent: true })
    socket.write('HTTP/1.1 204 x\r\n\r\n')
    const codes = log.pairs().map(({ request, code }) => [request.id, code])
    expect(codes).to.deep.equal([
      ['0', 204],
      ['1', 203],
    ])
  })

  it('looks at no more than the first of all that a client has sent ahead', () => {
    const { log, open } = exchanges()
    const { socket } = makeSocket()
    const connection = Connection.of(socket)
    let looks = 0
    const given: { to?: object } = {}
    const responses = Array.from({ length: 500 }, () => {
      const response = makeResponse(null)
      return Object.defineProperty(response, 'socket', {
        get: () => (looks++, given.to === response ? socket : null),
      })
    })
    for (const response of responses) connection.follow(open(), response)
    for (const response of responses) {
      given.to = response
      socket.write(HEADER)
    }
    expect(log.answers).to.equal(500)
    expect(looks).to.be.below(10 * 500)
  })

  it('ends what is open when the socket is closed, and what comes later', async () => {
    const { log, open } = exchanges()
    const { socket } = makeSocket()
    const connection = Connection.of(socket)
    connection.follow(open(), makeResponse(socket))
    connection.follow(open())
    socket.destroy()
    await new Promise(setImmediate)
    expect(log.codes()).to.deep.equal([499, 499])
    connection.follow(open())
    expect(log.codes()).to.deep.equal([499, 499, 499])
  })

  it('takes nothing for sent that is written after the end', async () => {
    const { log, open } = exchanges()
    const { socket } = makeSocket()
    socket.on('error', () => undefined)
    Connection.of(socket).follow(open())
    socket.destroy()
    socket.write(HEADER)
    await new Promise(setImmediate)
    expect(log.codes()).to.deep.equal([499])
  })
})
