/**
 * A program that exits while requests are open: one before its user is known, one whose handler has
 * not answered, one whose header is sent. Its arguments: the log, the mode, the durability.
 */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { FileAppender } from '../../lib/appender/file-appender.js'
import { AuditLog } from '../../lib/audit/audit-log.js'
import { auditHandler } from '../../lib/http/audit-handler.js'
import type { AuditMode } from '../../lib/http/http-options.js'
import type { Durability } from '../../lib/appender/options.js'
import { RawClient } from '../support/http-client.js'
import { HTTPS, type Listener } from '../support/http-servers.js'
import { waitFor } from '../support/run-program.js'

const [, , path = '', mode, durability] = process.argv
const audit = new AuditLog(new FileAppender({ path, durability: durability as Durability }))
let asked = 0
const answer: Listener = (request, response) => {
  asked++
  if (request.url === '/header') response.write('x')
}
const handler = auditHandler(audit, answer, {
  mode: mode as AuditMode,
  user: request => (request.url === '/user' ? new Promise(() => asked++) : 'jane'),
})
const server = await HTTPS.make(handler)
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const { port } = server.address() as AddressInfo
for (const [index, name] of ['/user', '/handler', '/header'].entries()) {
  const client = await RawClient.open({ port, transport: 'TLS' })
  client.ask({ path: name })
  await waitFor('the request', () => asked === index + 1)
  if (name === '/header') await waitFor('the header', () => client.answers().length === 1)
}
process.exit(0)
