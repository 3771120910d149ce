import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'

/** A request, as `node:http`, `node:https` or the compatibility API of `node:http2` has it. */
export type AnyRequest = IncomingMessage | Http2ServerRequest

/** The response that goes with it. */
export type AnyResponse = ServerResponse | Http2ServerResponse

/** Tells the requests of HTTP/2 from all others. */
export function isHttp2Request(request: AnyRequest): request is Http2ServerRequest {
  return request.httpVersionMajor === 2
}

/** Tells the responses of HTTP/2 from all others, and from sockets. */
export function isHttp2Response(response: object): response is Http2ServerResponse {
  return 'stream' in response && 'writeHead' in response
}

/**
 * Whether a request came over TLS to this very process. Of a stream of HTTP/2 that is gone nobody
 * knows: it counts as secure, as there is a log for those that are.
 */
export function isSecure(request: AnyRequest): boolean {
  if (isHttp2Request(request)) return request.stream.session?.encrypted !== false
  return 'encrypted' in request.socket && request.socket.encrypted === true
}

/**
 * The target as the client sent it: each character is a byte. Express and Connect cut off what an
 * app or a router is mounted at, and keep the whole. CONNECT of HTTP/2 has its authority only.
 */
export function targetOf(request: AnyRequest): string {
  if ('originalUrl' in request && typeof request.originalUrl === 'string') {
    return request.originalUrl
  }
  const target: string | undefined = request.url
  return target ?? (isHttp2Request(request) ? request.authority : '')
}
