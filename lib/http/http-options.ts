import { outOfRange, wrongType } from '../arguments/argument-error.js'
import { parseChoice } from '../arguments/choice.js'
import { parseDuration, type DurationLike } from '../arguments/duration.js'
import { checkOptionNames } from '../arguments/option-name.js'
import type { AuditText } from '../audit/audit-record.js'
import { checkObject } from '../audit/field-check.js'
import type { AuditUser } from './authenticated-user.js'
import type { AnyRequest } from './message.js'
import { parseRedactQuery } from './requested-uri.js'
import { parseTrustProxy, type TrustProxy } from './trusted-proxies.js'

/**
 * What a request waits for, and what becomes of it when the log fails. `'blocking'`: the handler
 * runs when the request line is acknowledged; what fails is counted and the request goes on.
 * `'blocking-strict'`: a request whose line cannot be kept is answered 500, and no handler sees it.
 * `'batch'`: nothing is waited for; the log bounds what waits, and counts what it drops.
 */
export type AuditMode = 'blocking' | 'blocking-strict' | 'batch'

/** What a user may be given as: nothing, for who is not known; a name; a name and groups. */
export type GivenUser = AuditUser | string | null | undefined

/** How the requests of a server are logged. */
export interface AuditHttpOptions<Request extends AnyRequest = AnyRequest> {
  /**
   * Who sends a request. Default: the verified TLS client certificate (its CN, with O as groups, as
   * Kubernetes has it), else `request.user`: a name, or an object with a `name` or `username`, and
   * `groups`. One that throws, rejects, or gives anything else is counted as an error; the line has
   * no user then, and in mode `'blocking-strict'` the request is refused.
   */
  readonly user?: ((request: Request) => GivenUser | Promise<GivenUser>) | undefined
  /** The namespace of a request; none if undefined. Default: that of Kubernetes, from the path. */
  readonly namespace?: ((request: Request) => AuditText | null | undefined) | undefined
  /**
   * Whose `X-Forwarded-For` and `X-Real-Ip` are believed: nobody's, `false`, the default; that of
   * these addresses and networks (CIDR), then the client is the right-most address that is none of
   * them; or everybody's, `'all'`, then it is the left-most one, which anyone can forge.
   */
  readonly trustProxy?: false | 'all' | readonly string[] | undefined
  /**
   * Names of query parameters whose values the uri shows as `REDACTED`. Default:
   * `['access_token', 'token', 'password']`; `[]` redacts nothing.
   */
  readonly redactQuery?: readonly string[] | undefined
  /** Whether requests on connections without TLS are logged too. Default: false. */
  readonly insecure?: boolean | undefined
  /** See `AuditMode`; default `'blocking'`. */
  readonly mode?: AuditMode | undefined
  /**
   * Whether the id is taken from the client's `Audit-ID`, if it sends one of 1 to 128 visible ASCII
   * characters, and no other open request has it. Default: false, as anyone could join his lines
   * to those of others.
   */
  readonly acceptAuditId?: boolean | undefined
  /**
   * How long a request waits for its line to be acknowledged, as a date-fns `Duration` or a text;
   * default `'1s'`. A log that takes longer is failing: see `mode`. Not for mode `'batch'`.
   */
  readonly maxWait?: DurationLike | undefined
}

/** Options that were checked, with the defaults in place. */
export interface HttpSettings {
  /** None: the default. */
  readonly user: ((request: AnyRequest) => unknown) | undefined
  /** None: the default. */
  readonly namespace: ((request: AnyRequest) => unknown) | undefined
  readonly trust: TrustProxy
  readonly redacted: ReadonlySet<string>
  readonly insecure: boolean
  readonly mode: AuditMode
  readonly acceptAuditId: boolean
  readonly maxWaitMs: number
}

const NAMES: ReadonlySet<string> = new Set([
  'user',
  'namespace',
  'trustProxy',
  'redactQuery',
  'insecure',
  'mode',
  'acceptAuditId',
  'maxWait',
])

const MODES: readonly AuditMode[] = ['blocking', 'blocking-strict', 'batch']

/**
 * Checks the options and puts in the defaults.
 *
 * @throws TypeError or RangeError that names the option, what was expected, and what came.
 */
export function parseHttpOptions<Request extends AnyRequest>(
  options: AuditHttpOptions<Request>,
): HttpSettings {
  checkObject('options', options)
  checkOptionNames(options, NAMES)
  const { insecure = false, acceptAuditId = false, mode = 'blocking' } = options
  const { maxWait = '1s' } = options
  return {
    user: parseFunction('user', options.user),
    namespace: parseFunction('namespace', options.namespace),
    trust: parseTrustProxy(options.trustProxy),
    redacted: parseRedactQuery(options.redactQuery),
    insecure: parseChoice('option insecure', insecure, [true, false]),
    mode: parseChoice('option mode', mode, MODES),
    acceptAuditId: parseChoice('option acceptAuditId', acceptAuditId, [true, false]),
    maxWaitMs: parseMaxWait(maxWait),
  }
}

/** Longest wait of a timer of Node (https://nodejs.org/api/timers.html), in milliseconds. */
const LONGEST_WAIT_MS = 2 ** 31 - 1

function parseMaxWait(maxWait: DurationLike): number {
  const ms = parseDuration('option maxWait', maxWait)
  if (ms > LONGEST_WAIT_MS) throw outOfRange('option maxWait', 'at most 24 days', maxWait)
  return ms
}

function parseFunction(
  name: string,
  value: ((request: never) => unknown) | undefined,
): ((request: AnyRequest) => unknown) | undefined {
  if (value === undefined) return undefined
  if (typeof value !== 'function') {
    throw wrongType(`option ${name}`, 'a function of the request', value)
  }
  // A server hands its own kind of request to its handlers, and so to this one.
  return (request: AnyRequest) => Reflect.apply(value, undefined, [request])
}
