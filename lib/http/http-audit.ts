import { inspect } from 'node:util'
import { isNativeError, isUint8Array } from 'node:util/types'
import { wrongType } from '../arguments/argument-error.js'
import { newAuditId } from '../audit/audit-id.js'
import type { AuditLog } from '../audit/audit-log.js'
import type { AuditText } from '../audit/audit-record.js'
import { namespaceOf } from '../audit/request-info.js'
import { onProcessExit } from '../platform/exit-hook.js'
import {
  certificateUser,
  requestSocket,
  requestUser,
  type AuditUser,
} from './authenticated-user.js'
import { sourceAddresses } from './client-address.js'
import { Exchange, type Arrival, type ExchangeParts } from './exchange.js'
import { parseHttpOptions, type AuditHttpOptions, type HttpSettings } from './http-options.js'
import { Journal } from './journal.js'
import { isSecure, targetOf, type AnyRequest } from './message.js'
import type { Reply } from './reply.js'
import { headerText, headerValues, impersonation } from './request-headers.js'
import { shownUri } from './requested-uri.js'

/** An id of a client that is taken: visible ASCII. A UUID has 36. */
const CLIENT_ID = /^[!-~]{1,128}$/

const INSECURE_WARNING =
  'rollkeeper/http: requests on connections without TLS are not logged. Where they shall be, as ' +
  'behind a proxy that ends TLS, set the option insecure to true.'

/** Who sends a request, as far as that could be found out. */
interface Identity {
  readonly user: AuditUser | undefined
  readonly status: 'told' | 'failed'
}

/** A request on its way to its handler. */
interface Visit {
  readonly exchange: Exchange
  readonly reply: Reply
  /** Lets the request go on to its handler; what the handler returns. */
  readonly proceed: () => unknown
}

/** What all have in common that log into one log: several servers, a server and its middleware. */
interface Shared {
  /** Exchanges that are not over, by id. */
  readonly open: Map<string, Exchange>
  /** Requests that came by already. */
  readonly seen: WeakSet<AnyRequest>
}

const sharedByLog = new WeakMap<AuditLog, Shared>()

/** Logs the requests of a server, whatever kind it is. */
export class HttpAudit {
  readonly #audit: AuditLog
  readonly #settings: HttpSettings
  readonly #parts: ExchangeParts
  readonly #seen: WeakSet<AnyRequest>
  readonly #warned = new Set<string>()

  /** @throws TypeError or RangeError for what is no `AuditLog`, and for wrong options. */
  constructor(audit: AuditLog, options: AuditHttpOptions<never> = {}) {
    checkAuditLog(audit)
    this.#audit = audit
    this.#settings = parseHttpOptions(options)
    const { open, seen } = sharedIn(audit)
    this.#seen = seen
    const form = audit.format === 'json' ? 'events' : 'lines'
    this.#parts = { journal: new Journal(audit, this.#settings), form, open }
    // A process that exits leaves its clients without an answer.
    onProcessExit(() => {
      for (const exchange of open.values()) exchange.end()
    })
  }

  /**
   * Logs a request, and lets it go on as the mode says: in this very turn where there is nothing to
   * wait for.
   *
   * A client that has gone before its request could go on gets no handler: it would read from what
   * is closed.
   *
   * @param reply how it will be answered.
   * @param proceed lets it go on to its handler.
   * @returns what `proceed` returned; a promise of it, or of nothing, where it had to wait.
   */
  admit(request: AnyRequest, reply: Reply, proceed: () => unknown): unknown {
    if (this.#seen.has(request) || !this.#isCovered(request)) return proceed()
    this.#seen.add(request)
    const exchange = new Exchange(this.#arrivalOf(request), this.#parts)
    const visit: Visit = { exchange, reply, proceed }
    reply.follow(exchange)
    const identity = this.#identify(request, exchange.id)
    if (!('then' in identity)) return this.#record(visit, identity)
    return identity.then(known => this.#recordLater(visit, known))
  }

  #record(visit: Visit, identity: Identity): unknown {
    const kept = visit.exchange.record(identity.user)
    if (typeof kept === 'boolean') return this.#enter(visit, identity, kept)
    return kept.then(answer => this.#enterLater(visit, identity, answer))
  }

  async #recordLater(visit: Visit, identity: Identity): Promise<unknown> {
    if (visit.exchange.isOver) return undefined
    const kept = await visit.exchange.record(identity.user)
    return this.#enterLater(visit, identity, kept)
  }

  /** What a handler throws at once ends up where it would have without us: it is nobody's promise. */
  #enterLater(visit: Visit, identity: Identity, kept: boolean): unknown {
    try {
      return this.#enter(visit, identity, kept)
    } catch (error) {
      process.nextTick(() => {
        throw error
      })
      return undefined
    }
  }

  #enter({ exchange, reply, proceed }: Visit, identity: Identity, kept: boolean): unknown {
    if (exchange.isOver) return undefined
    const isOnRecord = kept && identity.status === 'told'
    if (this.#settings.mode === 'blocking-strict' && !isOnRecord) {
      this.#audit.counters.countRejected(exchange.id)
      reply.refuse()
      return undefined
    }
    reply.handOver()
    try {
      const result = proceed()
      return isThenable(result) ? rethrown(result, exchange) : result
    } catch (error) {
      exchange.fail()
      throw error
    }
  }

  #isCovered(request: AnyRequest): boolean {
    if (this.#settings.insecure || isSecure(request)) return true
    this.#warnOnce('insecure', INSECURE_WARNING)
    return false
  }

  #arrivalOf(request: AnyRequest): Arrival {
    const { trust, redacted } = this.#settings
    const { form } = this.#parts
    const id = this.#idOf(request)
    const target = targetOf(request)
    const sourceIps = sourceAddresses(request, requestSocket(request)?.remoteAddress, trust)
    const [userAgent] = form === 'events' ? headerValues(request, 'user-agent') : []
    const { as, asGroups } = impersonation(request)
    return {
      id,
      ip: sourceIps[0],
      sourceIps,
      method: request.method ?? '',
      user: undefined, // not known yet; here all the same, so that all are of one shape
      groups: undefined,
      as,
      asGroups,
      namespace: this.#namespaceOf(request, target, id),
      uri: shownUri(target, redacted),
      receivedAt: form === 'events' ? this.#audit.now() : undefined,
      userAgent: userAgent === undefined ? undefined : headerText(userAgent),
      target,
    }
  }

  #idOf(request: AnyRequest): string {
    const given = this.#settings.acceptAuditId ? headerValues(request, 'audit-id') : []
    const [id = ''] = given
    // One that is in use could take the response of the other for its own.
    const isTaken = given.length === 1 && CLIENT_ID.test(id) && !this.#parts.open.has(id)
    return isTaken ? id : newAuditId()
  }

  #namespaceOf(request: AnyRequest, target: string, id: string): AuditText | null | undefined {
    const { namespace } = this.#settings
    if (!namespace) return namespaceOf(target)
    try {
      const given = namespace(request)
      if (given === undefined || given === null) return undefined
      if (typeof given === 'string' || isUint8Array(given)) return given
      if (isThenable(given)) Promise.resolve(given).catch(() => undefined) // wrong in any case
      throw wrongType('namespace(request)', 'a text, bytes or nothing', given)
    } catch (error) {
      this.#countFailure('namespace', id, error)
      return undefined
    }
  }

  #identify(request: AnyRequest, id: string): Identity | Promise<Identity> {
    const failed = (error: unknown): Identity => {
      this.#countFailure('user', id, error)
      return { user: undefined, status: 'failed' }
    }
    try {
      const { user } = this.#settings
      const given = user ? user(request) : defaultUser(request)
      if (isThenable(given)) return Promise.resolve(given).then(toldUser).catch(failed)
      return toldUser(given)
    } catch (error) {
      return failed(error)
    }
  }

  #countFailure(option: 'user' | 'namespace', id: string, error: unknown): void {
    this.#audit.counters.countError(id, error)
    const shown = isNativeError(error) ? error.message : inspect(error, { depth: 0 })
    const told = 'More of this is counted by AuditLog.stats, and told of on rollkeeper:audit:error.'
    this.#warnOnce(option, `rollkeeper/http: ${option}(request) failed (${shown}). ${told}`)
  }

  #warnOnce(topic: string, message: string): void {
    if (this.#warned.has(topic)) return
    this.#warned.add(topic)
    process.emitWarning(message)
  }
}

function sharedIn(audit: AuditLog): Shared {
  let shared = sharedByLog.get(audit)
  if (!shared) {
    shared = { open: new Map(), seen: new WeakSet() }
    sharedByLog.set(audit, shared)
  }
  return shared
}

function toldUser(given: unknown): Identity {
  return { user: requestUser(given), status: 'told' }
}

function defaultUser(request: AnyRequest): unknown {
  const user = certificateUser(requestSocket(request))
  return user ?? ('user' in request ? request.user : undefined)
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    'then' in value &&
    typeof value.then === 'function'
  )
}

/** The same promise to whoever has to hear of it; the exchange hears of it too. */
function rethrown(result: PromiseLike<unknown>, exchange: Exchange): Promise<unknown> {
  return Promise.resolve(result).catch((error: unknown) => {
    exchange.fail()
    throw error
  })
}

/** Not by `instanceof`: the log may be of the other build of this package. */
function checkAuditLog(audit: AuditLog): void {
  const given: Partial<AuditLog> | null | undefined = audit
  if (typeof given?.appendRequest !== 'function' || typeof given.counters !== 'object') {
    throw wrongType('audit', 'an AuditLog', audit)
  }
}
