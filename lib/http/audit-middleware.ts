import type { IncomingMessage } from 'node:http'
import type { AuditLog } from '../audit/audit-log.js'
import { HttpAudit } from './http-audit.js'
import type { AuditHttpOptions } from './http-options.js'
import type { AnyRequest, AnyResponse } from './message.js'
import { replyBy } from './reply.js'

/**
 * Makes a middleware of Express 4 and 5, of Connect, and of whatever takes `(req, res, next)`. It
 * logs the requests that come by it, so it stands before all others, but for one that sets
 * `req.user`.
 *
 * @param audit where the lines go.
 * @param options see `AuditHttpOptions`.
 * @returns the middleware. It calls `next` without an argument; in mode `'blocking-strict'` it may
 *   answer 500 instead. It gives what `next` gives, or a promise of it, to whoever looks.
 * @throws TypeError or RangeError naming the argument or option, what was expected and what came.
 * @example
 * app.use(auditMiddleware(new AuditLog(new FileAppender({ path: 'logs/audit.log' }))))
 */
export function auditMiddleware<Request extends AnyRequest = IncomingMessage>(
  audit: AuditLog,
  options?: AuditHttpOptions<Request>,
): (request: Request, response: AnyResponse, next: (error?: unknown) => unknown) => void {
  const http = new HttpAudit(audit, options)
  return (request, response, next) => http.admit(request, replyBy(response), () => next())
}
