import type * as http from 'node:http'
import { makeAuthority, type Authority } from '../../docs/examples/certificates.js'
import { AuditLog, type AuditSink } from '../../lib/audit/audit-log.js'
import type { AuditLogFormat } from '../../lib/audit/audit-record.js'
import { auditServer } from '../../lib/http/audit-server.js'
import type { AuditHttpOptions } from '../../lib/http/http-options.js'
import { httpCertificates } from './http-certificates.js'
import type { Door } from './http-client.js'
import { HttpLog } from './http-log.js'
import {
  HTTP2,
  HTTPS,
  httpServers,
  SERVER_KINDS,
  type AnyKind,
  type Listener,
} from './http-servers.js'
import { waitFor } from './run-program.js'

/** Which server is made: `'http2'` is over TLS, and answers clients of HTTP/1.1 too. */
export type AuditedKind = keyof typeof KINDS

/** What is to be served, and how it is logged. */
export interface AuditedServerOptions {
  readonly kind: AuditedKind
  readonly listener: Listener
  /** Default `'1.4'`. */
  readonly format?: AuditLogFormat
  /** For `'http'`, `insecure: true` is put in. */
  readonly audit?: AuditHttpOptions
  /** In place of a log in memory: then `lines` stays empty. */
  readonly log?: AuditSink
  readonly server?: http.ServerOptions
  /** Hears of the server before it is audited. */
  readonly prepare?: (server: AnyKind) => unknown
}

/** A server of this process on the loopback interface, with its log. */
export interface AuditedServer extends Door {
  /** Its address with the host that its certificate names. */
  readonly origin: string
  readonly lines: readonly string[]
  /** How many requests Node made of what came in, whether or not their handlers were reached. */
  arrivals(): number
  /** Resolved when there are so many lines. */
  hasLines(count: number): Promise<void>
  /** Ends all connections. Resolved: there will be no more lines. */
  stop(): Promise<void>
}

const KINDS = { http: SERVER_KINDS[0]!, https: HTTPS, http2: HTTP2 }

const ARRIVALS: ReadonlySet<string | symbol> = new Set([
  'request',
  'checkContinue',
  'checkExpectation',
  'upgrade',
  'connect',
])

let authority: Promise<Authority> | undefined

/** An authority whose clients the servers of this file trust, as they do those of all specs. */
export function clientAuthority(): Promise<Authority> {
  authority ??= makeAuthority()
  return authority
}

/** Servers of the surrounding `describe`, stopped after each test. Returns how to start one. */
export function auditedServers(): (options: AuditedServerOptions) => Promise<AuditedServer> {
  const listen = httpServers()
  return async options => {
    const { kind, format = '1.4', log = new HttpLog(), listener } = options
    const made = KINDS[kind]
    const ca = [(await httpCertificates()).ca, (await clientAuthority()).cert]
    const server = await made.make(
      listener,
      kind === 'http' ? options.server : { ca, ...options.server },
    )
    options.prepare?.(server)
    const audit = { insecure: kind === 'http', ...options.audit }
    const arrivals = countArrivals(auditServer(new AuditLog(log, { format }), server, audit))
    const running = await listen(server, made.transport)
    const { port, transport } = running
    const lines = log instanceof HttpLog ? log.lines : []
    return {
      port,
      transport,
      origin: `${kind === 'http' ? 'http' : 'https'}://localhost:${port}`,
      lines,
      arrivals,
      hasLines: count => waitFor(`${count} lines`, () => lines.length >= count),
      async stop() {
        await running.stop()
        // What a connection leaves behind is heard of when it is closed: one turn later at most.
        await new Promise(resolve => setImmediate(resolve))
      },
    }
  }
}

/** Counts before the audit does: its server emits what we let through. */
function countArrivals(server: AnyKind): () => number {
  let count = 0
  const emit = server.emit.bind(server)
  server.emit = (event: string | symbol, ...args: unknown[]) => {
    if (ARRIVALS.has(event)) count++
    return Reflect.apply(emit, server, [event, ...args]) as boolean
  }
  return () => count
}
