/** A server with paths like those of Kubernetes, for a demonstration: it answers, and keeps nothing. */
import { createServer, type Server, type ServerOptions } from 'node:https'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TLSSocket } from 'node:tls'
import { setTimeout as wait } from 'node:timers/promises'

/** How long the log of a pod takes, in milliseconds: longer than the clients here have patience. */
const SLOW_MS = 60_000

/**
 * Makes the server; it does not listen yet. It knows nothing of an audit.
 *
 * @param tls its certificate, and as `ca` whose clients it believes.
 */
export function makeCluster(tls: ServerOptions): Server {
  // Who has no certificate comes in and is refused: so there is a request to tell of.
  const options = { ...tls, requestCert: true, rejectUnauthorized: false }
  const server = createServer(options, (request, response) => void answer(request, response))
  server.on('upgrade', (_request, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
    socket.pipe(socket)
  })
  return server
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method, url = '' } = request
  const { authorized } = request.socket as TLSSocket
  if (!authorized) return reply(response, 403)
  if (url.endsWith('/log')) return answerLate(response)
  if (url.includes('watch=true')) return showChanges(response)
  reply(response, url.endsWith('/missing') ? 404 : method === 'POST' ? 201 : 200)
}

function reply(response: ServerResponse, code: number): void {
  response.writeHead(code, { 'content-type': 'application/json' }).end(`{"code":${code}}\n`)
}

/** A watch begins with what is there, and goes on until the client ends it. */
function showChanges(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json' }).write('{"type":"ADDED"}\n')
}

async function answerLate(response: ServerResponse): Promise<void> {
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  await wait(SLOW_MS, undefined, { signal: gone.signal }).catch(() => undefined)
  if (!gone.signal.aborted) reply(response, 200)
}
