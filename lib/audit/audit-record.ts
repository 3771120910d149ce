import type { Instant } from '../platform/nano-clock.js'

/**
 * The two line formats of Kubernetes: `'1.4'`, and `'1.6'` (1.6 to 1.11), which adds `groups` and
 * `asgroups` to the request line. Response lines are the same in both.
 */
export type AuditFormat = '1.4' | '1.6'

/** What an `AuditLog` writes: lines of Kubernetes, or JSON events of `audit.k8s.io/v1`. */
export type AuditLogFormat = AuditFormat | 'json'

/**
 * How far the answer to a request is: its header is sent and its body goes on, as in a watch; it is
 * over; or its handler threw.
 */
export type ResponseStage = 'ResponseStarted' | 'ResponseComplete' | 'Panic'

/**
 * Text of a field. Bytes are for what came over the wire and may be no UTF-8, such as a header; the
 * line shows those that are none as `\xNN`.
 */
export type AuditText = string | Uint8Array

/**
 * What a request line says besides when and under which id. A field that is absent (or undefined or
 * null) is written as its sentinel; an empty string is a value and is written as `""`.
 */
export interface AuditRequestFields {
  /** The client's address; `<nil>` if absent or no address. Written in Go's canonical form. */
  readonly ip?: string | null | undefined
  /** The HTTP method. */
  readonly method: AuditText
  /** The authenticated user's name, not the impersonated one; `<none>` if absent. */
  readonly user?: AuditText | null | undefined
  /** The user's groups, in format 1.6 only; `<none>` if absent or empty. */
  readonly groups?: readonly AuditText[] | null | undefined
  /** The user who is impersonated; `<self>` if absent. */
  readonly as?: AuditText | null | undefined
  /** The groups that are impersonated, in format 1.6 only; `<lookup>` if absent or empty. */
  readonly asGroups?: readonly AuditText[] | null | undefined
  /** The Kubernetes namespace; `<none>` if absent. */
  readonly namespace?: AuditText | null | undefined
  /** The request target, as it shall be shown: secrets already taken out. */
  readonly uri: AuditText
  /** What the client calls itself; shown in JSON only. */
  readonly userAgent?: AuditText | null | undefined
  /** Addresses, the client's first, then those of proxies; shown in JSON only. Default: `ip`. */
  readonly sourceIps?: readonly string[] | null | undefined
  /** @internal When the request came, where its line is written later; shown in JSON only. */
  readonly receivedAt?: Instant | undefined
}

/** When something happened. */
export interface AuditTime {
  /** Nanoseconds since 1970, UTC; in the years 0000 to 9999. */
  readonly time: bigint
  /** The time zone to write it in, in seconds east of UTC, whole minutes; default 0, which is UTC. */
  readonly offset?: number | undefined
}

/** A request, as `formatRequest` writes it. */
export interface AuditRequest extends AuditTime, AuditRequestFields {
  /** Joins the request to its response; a UUID by custom. */
  readonly id: AuditText
}

/** The answer to a request, as `formatResponse` writes it. */
export interface AuditResponse extends AuditTime {
  /** The id of the request. */
  readonly id: AuditText
  /** HTTP status code, 100 to 999, or 0, which Kubernetes wrote when there was none. */
  readonly code: number
}

/** Records that could not be kept, as `auditGapRecord` writes it. */
export interface AuditGap {
  /** How many records are missing, 0 or more. */
  readonly records: number
  /** How many bytes they had, 0 or more. */
  readonly bytes: number
  /** Why, in one word: `ENOSPC`. */
  readonly why: AuditText
  /** When it was noted: a Date, or nanoseconds since 1970; default now. */
  readonly time?: bigint | Date | undefined
  /** As in `AuditTime`. */
  readonly offset?: number | undefined
}

/** A request line, read. What was a sentinel is absent; groups are present in format 1.6 only. */
export interface ParsedRequest extends AuditTime {
  readonly kind: 'request'
  readonly format: AuditFormat
  readonly offset: number
  readonly id: AuditText
  readonly ip?: string
  readonly method: AuditText
  readonly user?: AuditText
  readonly groups?: readonly AuditText[]
  readonly as?: AuditText
  readonly asGroups?: readonly AuditText[]
  readonly namespace?: AuditText
  readonly uri: AuditText
}

/** A response line, read. */
export interface ParsedResponse extends AuditResponse {
  readonly kind: 'response'
  readonly offset: number
}

/** A gap record, read. */
export interface ParsedGap extends AuditGap {
  readonly kind: 'gap'
  readonly time: bigint
  readonly offset: number
}

/**
 * A line, read by `parseLine`. Texts are strings, except those that held bytes which are no UTF-8:
 * they are `Uint8Array`, because no string could give the same line again.
 */
export type ParsedLine = ParsedRequest | ParsedResponse | ParsedGap
