import type { AuditLog } from '../audit/audit-log.js'
import { wrongType } from '../arguments/argument-error.js'
import { HttpAudit } from './http-audit.js'
import type { AuditHttpOptions } from './http-options.js'
import type { AnyRequest, AnyResponse } from './message.js'
import { replyBy } from './reply.js'

/**
 * Wraps the listener of a server, or an Express or Connect app, so that each request is logged: one
 * line when it comes, before the listener runs, and one when the header of its response is sent.
 *
 * Upgrades and CONNECT do not reach a listener of requests: `auditServer` logs them too.
 *
 * @param audit where the lines go.
 * @param handler `(req, res)`; what it throws or rejects with goes on to the server.
 * @param options see `AuditHttpOptions`.
 * @returns a listener in place of `handler`.
 * @throws TypeError or RangeError naming the argument or option, what was expected and what came.
 * @example
 * const audit = new AuditLog(new FileAppender({ path: 'logs/audit.log' }))
 * https.createServer(tls, auditHandler(audit, (req, res) => res.end('hello\n'))).listen(8443)
 */
export function auditHandler<Request extends AnyRequest, Response extends AnyResponse>(
  audit: AuditLog,
  handler: (request: Request, response: Response) => unknown,
  options?: AuditHttpOptions<Request>,
): (request: Request, response: Response) => unknown {
  if (typeof handler !== 'function') throw wrongType('handler', 'a function', handler)
  const http = new HttpAudit(audit, options)
  return (request, response) =>
    http.admit(request, replyBy(response), () => handler(request, response))
}
