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
  /** Connections with an exchange that ended in this turn. */
  static readonly #ended: Connection[] = []

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
    if (this.#open.length > 0) this.#forgetEnded()
    this.#open.push({ exchange, response, reader: new StatusLineReader() })
    if (response?.writableFinished) process.nextTick(() => exchange.end())
    else if (response && exchange.hasEnd) {
      response.once('finish', () => {
        exchange.end()
        this.#forgetLater()
      })
    }
  }

  #look(chunk: unknown): void {
    if (this.#open.length === 0 || this.#socket.destroyed) return
    const isResponse = this.#isResponseWriting()
    for (const one of this.#open) {
      const { exchange, response, reader } = one
      const isWriting = isResponse ? this.#isCurrent(one) : !response
      if (!isWriting || !exchange.awaitsHeader) continue
      const code = reader.read(chunk)
      if (code === undefined) continue
      exchange.sent(code)
      this.#forgetLater()
    }
  }

  /**
   * What is written while a response has the connection is of that response, whatever it says: once
   * its header is made. Before, it is of an upgrade that was sent behind the request, if there is
   * one; else it is Node's own answer to the request.
   */
  #isResponseWriting(): boolean {
    const hasHeader = this.#open.some(one => this.#isCurrent(one) && one.response?.headersSent)
    return hasHeader || this.#open.every(({ response }) => response)
  }

  /** Node gives the connection to one response at a time; pipelined ones have none until then. */
  #isCurrent({ response }: OpenExchange): boolean {
    return response?.socket === this.#socket
  }

  /**
   * A response that was kept until the next request on its connection would outlive the collections
   * of short-lived garbage, which took half as long as the request itself. A turn is short enough.
   */
  #forgetLater(): void {
    if (Connection.#ended.push(this) > 1) return
    setImmediate(() => {
      for (const connection of Connection.#ended.splice(0)) connection.#forgetEnded()
    })
  }

  /** One whose body goes on has the connection, and stays. */
  #forgetEnded(): void {
    this.#open = this.#open.filter(
      ({ exchange, response }) => !exchange.isOver || response?.writableEnded === false,
    )
  }
}
