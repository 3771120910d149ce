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
    if (this.#socket.destroyed) return
    // What is written while a response has the connection is of that response, whatever it says.
    const isAnswered = this.#open.some(one => this.#isCurrent(one))
    for (const one of this.#open) {
      const isWriting = isAnswered ? this.#isCurrent(one) : !one.response
      if (!isWriting || !one.exchange.awaitsHeader) continue
      const code = one.reader.read(chunk)
      if (code !== undefined) one.exchange.sent(code)
    }
  }

  /** Node gives the connection to one response at a time; pipelined ones have none until then. */
  #isCurrent({ response }: OpenExchange): boolean {
    return response?.socket === this.#socket
  }
}
