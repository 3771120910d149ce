import type { EventEmitter } from 'node:events'
import { IncomingMessage, type Server as HttpServer } from 'node:http'
import { Http2ServerRequest, type Http2SecureServer, type Http2Server } from 'node:http2'
import type { Server as HttpsServer } from 'node:https'
import { Duplex } from 'node:stream'
import { wrongType } from '../arguments/argument-error.js'
import type { AuditLog } from '../audit/audit-log.js'
import { HttpAudit } from './http-audit.js'
import type { AuditHttpOptions } from './http-options.js'
import type { AnyRequest, AnyResponse } from './message.js'
import { DroppedReply, replyBy, SocketReply, type Reply } from './reply.js'

/** Servers of `node:http`, `node:https` and `node:http2`. */
export type AnyServer = HttpServer | HttpsServer | Http2Server | Http2SecureServer

/** The events by which servers hand requests over, but for `dropRequest`, by which they do not. */
const REQUEST_EVENTS: ReadonlySet<string | symbol> = new Set([
  'request',
  'checkContinue',
  'checkExpectation',
  'upgrade',
  'connect',
  'dropRequest',
])

/**
 * Logs all requests of a server, whoever listens for them, now or later: those too that ask for an
 * upgrade, for CONNECT, with `Expect`, and those that the server refuses by itself because too many
 * came on a connection. Of what does not get as far as a request, such as a malformed header, there
 * is nothing to log.
 *
 * @param audit where the lines go.
 * @param server of `node:http`, `node:https` or `node:http2`; of the last, its compatibility API.
 * @param options see `AuditHttpOptions`.
 * @returns the server.
 * @throws TypeError or RangeError naming the argument or option, what was expected and what came.
 * @example
 * auditServer(audit, https.createServer(tls, app)).listen(8443)
 */
export function auditServer<Server extends AnyServer>(
  audit: AuditLog,
  server: Server,
  options?: AuditHttpOptions,
): Server {
  checkServer(server)
  const http = new HttpAudit(audit, options)
  const emitter: EventEmitter = server
  const emit = emitter.emit.bind(emitter)
  answerWhatNobodyHears(emitter)
  emitter.emit = (event, ...args: unknown[]) => {
    const [request, answer] = args
    if (!REQUEST_EVENTS.has(event) || !isRequest(request)) return emit(event, ...args)
    const reply = replyOn(event, answer)
    if (!reply) return emit(event, ...args)
    if (event === 'dropRequest') {
      // Node answers whatever we do, so there is nothing to wait for.
      void http.admit(request, reply, () => undefined)
      return emit(event, ...args)
    }
    void http.admit(request, reply, () => emit(event, ...args))
    return true
  }
  return server
}

function replyOn(event: string | symbol, answer: unknown): Reply | undefined {
  if (!(answer instanceof Duplex)) return isResponse(answer) ? replyBy(answer) : undefined
  return event === 'dropRequest' ? new DroppedReply(answer) : new SocketReply(answer)
}

/** Servers that are listened to by us already: a server may be audited into two logs. */
const heardServers = new WeakSet<EventEmitter>()

/** Node answers these itself, without a word to anybody, unless somebody listens. So we listen. */
function answerWhatNobodyHears(server: EventEmitter): void {
  if (heardServers.has(server)) return
  heardServers.add(server)
  server.on('connect', (_request: AnyRequest, answer: Duplex | AnyResponse) => {
    if (server.listenerCount('connect') > 1) return
    if (isResponse(answer)) answer.writeHead(405).end()
    else answer.destroy()
  })
  server.on('checkExpectation', (_request: AnyRequest, response: AnyResponse) => {
    if (server.listenerCount('checkExpectation') === 1) response.writeHead(417).end()
  })
}

function isRequest(value: unknown): value is AnyRequest {
  return value instanceof IncomingMessage || value instanceof Http2ServerRequest
}

function isResponse(value: unknown): value is AnyResponse {
  return typeof value === 'object' && value !== null && 'writeHead' in value
}

function checkServer(server: AnyServer): void {
  const given: Partial<AnyServer> | null | undefined = server
  if (typeof given?.emit !== 'function' || typeof given.listen !== 'function') {
    throw wrongType('server', 'a server of node:http, node:https or node:http2', server)
  }
}
