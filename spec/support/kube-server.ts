import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TLSSocket } from 'node:tls'
import type { AuditLogFormat } from '../../lib/audit/audit-record.js'
import type { AuditedKind, AuditedServer, auditedServers } from './audited-server.js'

/** A request that came, as far as the server saw it. */
interface KubeRequest {
  readonly uri: string
  readonly userAgent: string
  readonly httpVersion: string
}

/** A server that is to a client of Kubernetes what it expects, as far as pods go. */
export interface KubeServer extends AuditedServer {
  /** What came, in its order, and what the clients called themselves. */
  readonly requests: readonly KubeRequest[]
  /** Watches that are open. */
  openWatches(): number
  /** Tells the watches of one more pod. */
  addPod(name: string): void
  /** Ends the watches, as a server does after some time. */
  endWatches(): void
}

interface Answer {
  readonly code: number
  readonly body: unknown
}

const PODS = '/api/v1/namespaces/default/pods'

/** Who may be somebody else. */
const MASTERS = 'system:masters'

const DISCOVERY: Readonly<Record<string, unknown>> = {
  '/version': { major: '1', minor: '20', gitVersion: 'v1.20.0' },
  '/api': { kind: 'APIVersions', versions: ['v1'] },
  '/apis': { kind: 'APIGroupList', apiVersion: 'v1', groups: [] },
  '/api/v1': {
    kind: 'APIResourceList',
    groupVersion: 'v1',
    resources: [
      {
        name: 'pods',
        singularName: 'pod',
        namespaced: true,
        kind: 'Pod',
        verbs: ['create', 'delete', 'get', 'list', 'watch'],
        shortNames: ['po'],
      },
    ],
  },
}

/**
 * Starts a server over TLS, whose clients show certificates.
 *
 * @param start of `auditedServers`.
 */
export async function startKubeServer(
  start: ReturnType<typeof auditedServers>,
  kind: Exclude<AuditedKind, 'http'>,
  format: AuditLogFormat,
): Promise<KubeServer> {
  const requests: KubeRequest[] = []
  const pods = ['web-0', 'web-1']
  const watches = new Set<ServerResponse>()
  const tell = (watch: ServerResponse, name: string): boolean =>
    watch.write(`${JSON.stringify({ type: 'ADDED', object: pod(name) })}\n`)
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    const { url: uri = '', headers, httpVersion } = request
    requests.push({ uri, userAgent: headers['user-agent'] ?? '', httpVersion })
    const answer = answerTo(request, pods)
    response.writeHead(answer.code, { 'Content-Type': 'application/json' })
    if (answer.body !== undefined) {
      request.resume()
      response.end(`${JSON.stringify(answer.body)}\n`)
      return
    }
    response.flushHeaders()
    watches.add(response)
    response.once('close', () => watches.delete(response))
  }
  const audited = await start({ kind, format, listener })
  return {
    ...audited,
    requests,
    openWatches: () => watches.size,
    addPod(name) {
      pods.push(name)
      for (const watch of watches) tell(watch, name)
    },
    endWatches() {
      for (const watch of watches) watch.end()
    },
  }
}

/** What is said to a request; a watch has no body yet. */
function answerTo(request: IncomingMessage, pods: readonly string[]): Answer {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'https://localhost')
  const refusal = refusalOf(request)
  if (refusal) return refusal
  const known = DISCOVERY[pathname]
  if (known !== undefined) return { code: 200, body: known }
  if (pathname === PODS) {
    if (request.method === 'POST') return { code: 201, body: pod('made') }
    const isWatch = ['1', 'true'].includes(searchParams.get('watch') ?? '')
    return { code: 200, body: isWatch ? undefined : podList(pods) }
  }
  const name = pathname.startsWith(`${PODS}/`) ? pathname.slice(PODS.length + 1) : undefined
  if (name !== undefined && pods.includes(name)) return { code: 200, body: pod(name) }
  return status(404, 'NotFound', `${pathname} not found`)
}

/** What somebody gets who is not known, or is somebody else without leave. */
function refusalOf(request: IncomingMessage): Answer | undefined {
  const socket = request.socket as TLSSocket
  const { subject } = socket.getPeerCertificate()
  if (!socket.authorized) return status(401, 'Unauthorized', 'Unauthorized')
  if (request.headers['impersonate-user'] === undefined) return undefined
  if ([subject.O].flat().includes(MASTERS)) return undefined
  return status(403, 'Forbidden', `${String(subject.CN)} cannot impersonate`)
}

function status(code: number, reason: string, message: string): Answer {
  const body = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure' }
  return { code, body: { ...body, message, reason, code } }
}

function podList(names: readonly string[]): object {
  const metadata = { resourceVersion: '7' }
  return { kind: 'PodList', apiVersion: 'v1', metadata, items: names.map(pod) }
}

function pod(name: string): object {
  const metadata = {
    name,
    namespace: 'default',
    uid: `uid-of-${name}`,
    resourceVersion: '7',
    creationTimestamp: '2016-09-07T13:03:57Z',
  }
  return { kind: 'Pod', apiVersion: 'v1', metadata, spec: {}, status: { phase: 'Running' } }
}
