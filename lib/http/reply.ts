import type { ServerResponse } from 'node:http'
import type { Http2ServerResponse, ServerHttp2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'
import { Connection } from './connection.js'
import type { Exchange } from './exchange.js'
import { isHttp2Response, type AnyResponse } from './message.js'

/** The way in which a request is answered. */
export interface Reply {
  /** Tells the exchange of its header and of its end, and the client of its id where it can. */
  follow(exchange: Exchange): void
  /** Answers 500: the request could not be recorded. */
  refuse(): void
  /** From now on the handler answers. */
  handOver(): void
}

const ID_HEADER = 'Audit-Id'

const REFUSAL = 'The request was refused: it could not be audited.\n'

/** The reply that goes out by a response. */
export function replyBy(response: AnyResponse): Reply {
  return isHttp2Response(response) ? new Http2Reply(response) : new Http1Reply(response)
}

abstract class ResponseReply<Response extends AnyResponse> implements Reply {
  constructor(protected readonly response: Response) {}

  abstract follow(exchange: Exchange): void

  refuse(): void {
    const { response } = this
    if (response.headersSent || response.destroyed) return
    response.statusCode = 500
    response.setHeader('Content-Type', 'text/plain; charset=utf-8')
    response.end(REFUSAL)
  }

  handOver(): void {}
}

/** By a response of HTTP/1: its header is seen on the connection. */
class Http1Reply extends ResponseReply<ServerResponse> {
  follow(exchange: Exchange): void {
    const { response } = this
    const socket = response.socket ?? response.req.socket
    if (response.headersSent) exchange.found(response.statusCode)
    else response.setHeader(ID_HEADER, exchange.id)
    Connection.of(socket).follow(exchange, response)
  }
}

/** By a stream of HTTP/2. */
class Http2Reply extends ResponseReply<Http2ServerResponse> {
  follow(exchange: Exchange): void {
    const { stream } = this.response
    if (stream.closed || stream.destroyed) {
      tellStatus(stream, exchange)
      exchange.end()
      return
    }
    if (!stream.headersSent) this.response.setHeader(ID_HEADER, exchange.id)
    listenForHeader(stream, exchange)
    stream.once('close', () => {
      tellStatus(stream, exchange) // of `respondWithFile`, which answers behind our back
      exchange.end()
    })
  }
}

/** All ways to answer, those of the compatibility API too, end in one of two methods. */
function listenForHeader(stream: ServerHttp2Stream, exchange: Exchange): void {
  for (const name of ['respond', 'respondWithFD'] as const) {
    const original = stream[name]
    stream[name] = function (this: ServerHttp2Stream, ...args: unknown[]) {
      Reflect.apply(original, this, args)
      tellStatus(this, exchange)
    }
  }
}

function tellStatus(stream: ServerHttp2Stream, exchange: Exchange): void {
  const status = Number(stream.sentHeaders?.[':status'])
  if (stream.headersSent && status >= 200) exchange.sent(status)
}

/** By whatever is written to the socket: of an upgrade, of CONNECT. */
export class SocketReply implements Reply {
  readonly #socket: Duplex

  constructor(socket: Duplex) {
    this.#socket = socket
  }

  follow(exchange: Exchange): void {
    // Node has taken its own listener away, and the handler has not come yet.
    this.#socket.on('error', ignoreError)
    Connection.of(this.#socket).follow(exchange)
  }

  handOver(): void {
    this.#socket.off('error', ignoreError)
  }

  refuse(): void {
    const header = `HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\nContent-Length: ${REFUSAL.length}\r\n\r\n`
    this.#socket.once('finish', () => this.#socket.destroy())
    this.#socket.end(header + REFUSAL)
  }
}

/** By Node itself, which refuses the request whatever we do. */
export class DroppedReply extends SocketReply {
  override refuse(): void {}
}

/** A connection that fails is closed; that is heard of. */
function ignoreError(): void {}
