import { once } from 'node:events'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import http2, { type Http2ServerRequest, type Http2ServerResponse } from 'node:http2'
import https from 'node:https'
import type { AddressInfo, Server, Socket } from 'node:net'
import { httpCertificates } from './http-certificates.js'
import type { Door } from './http-client.js'

/** A listener of requests; of `node:http2` its compatibility API is like that of `node:http`. */
export type Listener = (request: IncomingMessage, response: ServerResponse) => unknown

/** A server of Node, of any kind, that is listened to as one of `node:http`. */
export type AnyKind = http.Server

/** A kind of server, and the version of HTTP that its client speaks. */
export interface ServerKind {
  readonly name: string
  readonly version: 1 | 2
  readonly transport: Door['transport']
  readonly make: (listener?: Listener, options?: object) => Promise<AnyKind>
}

/** A server that listens. */
export interface RunningServer extends Door {
  /** Ends all connections, and resolves when the server is closed. */
  readonly stop: () => Promise<void>
}

type Http2Listener = (request: Http2ServerRequest, response: Http2ServerResponse) => void

async function tlsOptions(options: object): Promise<object> {
  const { ca, server } = await httpCertificates()
  return { ...server, ca, requestCert: true, rejectUnauthorized: false, ...options }
}

async function makeHttp(listener?: Listener, options: object = {}): Promise<AnyKind> {
  return http.createServer(options, listener)
}

async function makeHttps(listener?: Listener, options: object = {}): Promise<AnyKind> {
  return https.createServer(await tlsOptions(options), listener)
}

async function makeHttp2(listener?: Listener, options: object = {}): Promise<AnyKind> {
  const server = http2.createServer(options, listener as Http2Listener | undefined)
  return server as unknown as AnyKind
}

async function makeSecureHttp2(listener?: Listener, options: object = {}): Promise<AnyKind> {
  const all = await tlsOptions({ allowHTTP1: true, ...options })
  const server = http2.createSecureServer(all, listener as Http2Listener | undefined)
  return server as unknown as AnyKind
}

/** All kinds of servers that Node has. */
export const SERVER_KINDS: readonly ServerKind[] = [
  { name: 'node:http', version: 1, transport: 'plain', make: makeHttp },
  { name: 'node:https', version: 1, transport: 'TLS', make: makeHttps },
  { name: 'node:http2 without TLS', version: 2, transport: 'plain', make: makeHttp2 },
  { name: 'node:http2', version: 2, transport: 'TLS', make: makeSecureHttp2 },
  { name: 'node:http2, asked by HTTP/1', version: 1, transport: 'TLS', make: makeSecureHttp2 },
]

/** Those of them that speak HTTP/1 over TLS and nothing else. */
export const HTTPS: ServerKind = SERVER_KINDS[1]!

/** Those that speak HTTP/2 over TLS. */
export const HTTP2: ServerKind = SERVER_KINDS[3]!

/**
 * Servers of the surrounding `describe`. They are stopped after each test.
 *
 * @returns a function that lets a server listen.
 */
export function httpServers(): (
  server: AnyKind,
  transport?: Door['transport'],
) => Promise<RunningServer> {
  const running: RunningServer[] = []
  afterEach(async () => {
    for (const server of running.splice(0)) await server.stop()
  })
  return async (server, transport = 'TLS') => {
    const one = await listen(server, transport)
    running.push(one)
    return one
  }
}

async function listen(server: Server, transport: Door['transport']): Promise<RunningServer> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const stop = async (): Promise<void> => {
    if (!server.listening) return
    const closed = once(server, 'close')
    server.close()
    for (const socket of sockets) socket.destroy()
    await closed
  }
  return { port, transport, stop }
}
