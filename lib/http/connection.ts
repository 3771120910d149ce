import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Exchange } from './exchange.js'
import { StatusLineReader } from './status-line.js'

/** An exchange that is open on a connection of HTTP/1. */
interface OpenExchange {
  readonly exchange: Exchange
  /** Its response; none where the handler has the bare socket: an upgrade, CONNECT. */
  readonly response: ServerResponse | undefined
  readonly reader: StatusLineReader
}

const connections = new WeakMap<Duplex, Connection>()

/**
 * A connection of HTTP/1, and the exchanges that are open on it. It looks at what is written to the
 * socket, for that alone is what the client sees: a header goes out with the first piece of its
 * body, the answers to pipelined requests wait for those before them, Node itself answers 400 or
 * 408 while a body is read, and whoever took the socket over writes as he likes.
 */
export class Connection {
  readonly #socket: Duplex
  #open: OpenExchange[] = []

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
    const { write, end } = socket
    const look = (chunk: unknown): void => this.#look(chunk)
    // Properties of this one socket: all that write to it, pipes too, come through them.
    socket.write = function (this: Duplex, ...args: unknown[]) {
      look(args[0])
      return Reflect.apply(write, this, args)
    }
    socket.end = function (this: Duplex, ...args: unknown[]) {
      look(args[0])
      return Reflect.apply(end, this, args)
    }
    socket.once('close', () => {
      for (const { exchange } of this.#open.splice(0)) exchange.end()
    })
  }

  /** Tells an exchange of its header, and of its end when the connection ends. */
  follow(exchange: Exchange, response?: ServerResponse): void {
    if (this.#socket.closed) {
      exchange.end()
      return
    }
    this.#open = this.#open.filter(one => !one.exchange.isOver || this.#isCurrent(one))
    this.#open.push({ exchange, response, reader: new StatusLineReader() })
  }

  #look(chunk: unknown): void {
    if (this.#open.length === 0 || this.#socket.destroyed) return
    const current = this.#open.filter(one => this.#isCurrent(one))
    // What is written while a response has the connection is of that response, whatever it says.
    const writing = current.length > 0 ? current : this.#open.filter(one => !one.response)
    for (const { exchange, reader } of writing) {
      if (!exchange.awaitsHeader) continue
      const code = reader.read(chunk)
      if (code !== undefined) exchange.sent(code)
    }
  }

  /** Node gives the connection to one response at a time; pipelined ones have none until then. */
  #isCurrent({ response }: OpenExchange): boolean {
    return response?.socket === this.#socket
  }
}
