import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Exchange } from './exchange.js'
import { StatusLineReader } from './status-line.js'

/** An exchange on a connection of HTTP/1. */
interface ConnectedExchange {
  readonly exchange: Exchange
  readonly reader: StatusLineReader
}

/** One whose answer is a response of Node. */
interface RespondingExchange extends ConnectedExchange {
  readonly response: ServerResponse
}

const connections = new WeakMap<Duplex, Connection>()

/**
 * A connection of HTTP/1, and the exchanges on it. It looks at what is written to the socket, for
 * that alone is what the client sees: a header goes out with the first piece of its body, the
 * answers to pipelined requests wait for those before them, Node itself answers 400 or 408 while a
 * body is read, and whoever took the socket over writes as he likes.
 */
export class Connection {
  readonly #socket: Duplex
  /**
   * In the order of the requests, which is that of the responses: Node gives the connection to one
   * after the other. So what is written is of the first that is left here; however many a client
   * has sent ahead, nobody looks at them.
   */
  readonly #responding = new Set<RespondingExchange>()
  /** Those whose handlers have the socket itself: an upgrade, CONNECT. */
  readonly #bare: ConnectedExchange[] = []

  /** The one connection of a socket. */
  static of(socket: Duplex): Connection {
    let connection = connections.get(socket)
    if (!connection) {
      connection = new Connection(socket)
      connections.set(socket, connection)
    }
    return connection
  }

  private constructor(socket: Duplex) {
    this.#socket = socket
    const write = socket.write.bind(socket)
    const end = socket.end.bind(socket)
    // Properties of this one socket: all that write to it, pipes too, come through them.
    socket.write = (...args: unknown[]) => {
      this.#look(args[0])
      return Reflect.apply(write, socket, args)
    }
    socket.end = (...args: unknown[]) => {
      this.#look(args[0])
      return Reflect.apply(end, socket, args)
    }
    socket.once('close', () => {
      for (const { exchange } of [...this.#responding, ...this.#bare]) exchange.end()
      this.#responding.clear()
    })
  }

  /**
   * Tells an exchange of its header, and of its end when the connection ends.
   *
   * @param response none where the handler has the socket itself.
   */
  follow(exchange: Exchange, response?: ServerResponse): void {
    if (this.#socket.closed) exchange.end()
    else if (response) this.#followResponse(exchange, response)
    else this.#bare.push({ exchange, reader: new StatusLineReader() })
  }

  #followResponse(exchange: Exchange, response: ServerResponse): void {
    this.#current()
    const responding = { exchange, response, reader: new StatusLineReader() }
    this.#responding.add(responding)
    const end = (): void => {
      exchange.end()
      this.#responding.delete(responding)
    }
    if (response.writableFinished) process.nextTick(end)
    else if (exchange.hasEnd) response.once('finish', end)
  }

  #look(chunk: unknown): void {
    if (this.#socket.destroyed) return
    const current = this.#current()
    // What is written while a response has the connection is of that response, whatever it says,
    // once its header is made. Before, it is of an upgrade that was sent behind the request, if
    // there is one; else it is Node's own answer to the request.
    const isResponse = this.#bare.length === 0 || current[0]?.response.headersSent
    for (const { exchange, reader } of isResponse ? current : this.#bare) {
      if (!exchange.awaitsHeader) continue
      const code = reader.read(chunk)
      if (code !== undefined) exchange.sent(code)
    }
  }

  /**
   * Those whose response has the connection: of two logs, there are two. Those before them, whose
   * responses have given it back, are forgotten.
   */
  #current(): RespondingExchange[] {
    const current: RespondingExchange[] = []
    for (const one of this.#responding) {
      if (one.response.socket === this.#socket) current.push(one)
      else if (one.exchange.awaitsHeader) break
      else if (one.exchange.isOver) this.#responding.delete(one)
    }
    return current
  }
}
