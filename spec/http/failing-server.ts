/**
 * A program whose handlers fail. It serves each `Failing` of its argument, asks once, hears what
 * reaches the process, and prints the `Failed` of all as JSON.
 */
import { EventEmitter, once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { AuditLog } from '../../lib/audit/audit-log.js'
import { auditHandler } from '../../lib/http/audit-handler.js'
import { auditServer } from '../../lib/http/audit-server.js'
import type { AuditMode } from '../../lib/http/http-options.js'
import { RawClient } from '../support/http-client.js'
import { HttpLog } from '../support/http-log.js'
import {
  HTTPS,
  SERVER_KINDS,
  type AnyKind,
  type Listener,
  type ServerKind,
} from '../support/http-servers.js'
import { waitFor } from '../support/run-program.js'

/** How a handler fails, and who audits it. */
export interface Failing {
  readonly by: 'nobody' | 'auditHandler' | 'auditServer'
  readonly mode: AuditMode
  readonly failure: 'throws' | 'rejects' | 'throws later' | 'throws after the header'
  readonly rejections: 'captured' | 'not captured'
  readonly format: '1.4' | 'json'
}

/** What came of it. */
export interface Failed {
  /** What reached the process: the event, its origin, and whether it is the very error. */
  readonly events: readonly string[]
  /** What the client saw. */
  readonly code?: number
  readonly lines: readonly string[]
}

const events: { event: string; origin: string; error: unknown }[] = []
process.on('uncaughtException', (error, origin) =>
  events.push({ event: 'uncaught', origin, error }),
)
process.on('unhandledRejection', error => {
  events.push({ event: 'unhandled', origin: 'unhandledRejection', error })
})

async function play(failing: Failing): Promise<Failed> {
  EventEmitter.captureRejections = failing.rejections === 'captured'
  events.length = 0
  const error = new Error('of the handler')
  const log = new HttpLog()
  const server = await serve(failing, log, failingHandler(failing, error))
  EventEmitter.captureRejections = false
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const client = await RawClient.open({ port, transport: kindOf(failing).transport })
  client.ask()
  await waitFor('an end', () => events.length > 0 || client.answers()[0]?.status === 'whole')
  if (failing.failure === 'throws after the header') {
    await waitFor('the header', () => client.answers().length > 0)
  }
  const code = client.answers()[0]?.code
  await client.leave()
  if (failing.by !== 'nobody') await waitFor('both lines', () => log.lines.length >= 2)
  const closed = once(server, 'close')
  server.close()
  await closed
  const told = events.map(one => `${one.event} ${one.origin} ${one.error === error}`)
  return { events: told, lines: log.lines, ...(code === undefined ? {} : { code }) }
}

async function serve(failing: Failing, log: HttpLog, handler: Listener): Promise<AnyKind> {
  const { by, mode, format } = failing
  const { make } = kindOf(failing)
  const audit = new AuditLog(log, { format })
  const options = { mode, insecure: true }
  if (by === 'auditHandler') return make(auditHandler(audit, handler, options))
  const server = await make(handler)
  return by === 'auditServer' ? auditServer(audit, server, options) : server
}

/** Rejections that are captured become an answer in `node:http` only. */
function kindOf({ rejections }: Failing): ServerKind {
  return rejections === 'captured' ? SERVER_KINDS[0]! : HTTPS
}

function failingHandler({ failure }: Failing, error: Error): Listener {
  return (_, response) => {
    if (failure === 'rejects') return Promise.reject(error)
    if (failure === 'throws later') {
      setImmediate(() => {
        throw error
      })
      return undefined
    }
    if (failure === 'throws after the header') response.write('x')
    throw error
  }
}

const failings = JSON.parse(process.argv[2] ?? '[]') as Failing[]
const failed: Failed[] = []
try {
  for (const failing of failings) failed.push(await play(failing))
} catch (error) {
  // Our own listeners would keep the process alive.
  console.error(error)
  process.exit(1)
}
process.stdout.write(JSON.stringify(failed))
