import { expect } from 'chai'
import * as fc from 'fast-check'
import { auditGapEvent, formatEvent } from '../../lib/audit/audit-event.js'
import type { AuditEvent } from '../../lib/audit/audit-event.js'
import type { AuditRequestFields } from '../../lib/audit/audit-record.js'
import { EventForm } from '../../lib/audit/event-form.js'
import { goJsonString } from '../../lib/audit/go-json.js'
import { namespaceOf, requestInfo } from '../../lib/audit/request-info.js'

const hostilePiece = fc.constantFrom(
  '\n',
  '\r\n',
  '"',
  '\\',
  '\\"}',
  '\u2028',
  '\u2029',
  '<script>',
  '&',
  '\0',
  '\b\f',
  '\x7f',
  '\ud800',
  '\ufffd',
  '"}\n{"kind":"Event","auditID":"forged"}\n',
)

/** Any string there can be in JavaScript, lone surrogates too. */
const anyText = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.array(fc.integer({ max: 0xffff, min: 0 })).map(units => String.fromCharCode(...units)),
  fc.array(fc.oneof(hostilePiece, fc.string({ maxLength: 4 }))).map(pieces => pieces.join('')),
)

const anyField = fc.oneof(anyText, fc.uint8Array({ maxLength: 24 }))
const fields = fc.array(anyField, { maxLength: 4 })
const nanos = fc.bigInt({ min: -62_167_219_200_000_000_000n, max: 253_402_300_799_999_999_999n })

function optional<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.option(arbitrary, { nil: undefined })
}

/** A map of any keys; `__proto__` would be none of its own when it is read back. */
function mapOf<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<Record<string, T>> {
  return fc.dictionary(anyText, arbitrary, { maxKeys: 4, noNullPrototype: true })
}

const user = fc.record({
  username: optional(anyField),
  uid: optional(anyField),
  groups: optional(fields),
  extra: optional(mapOf(fields)),
})

const objectRef = fc.record({
  resource: optional(anyField),
  namespace: optional(anyField),
  name: optional(anyField),
  uid: optional(anyField),
  apiGroup: optional(anyField),
  apiVersion: optional(anyField),
  resourceVersion: optional(anyField),
  subresource: optional(anyField),
})

const anyEvent: fc.Arbitrary<AuditEvent> = fc.record({
  auditID: anyField,
  stage: fc.constantFrom('RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic'),
  requestURI: anyField,
  verb: anyField,
  user: optional(user),
  impersonatedUser: optional(user),
  sourceIPs: optional(fields),
  userAgent: optional(anyField),
  objectRef: optional(objectRef),
  responseStatus: optional(fc.record({ code: fc.integer({ min: 100, max: 999 }) })),
  requestReceivedTimestamp: optional(nanos),
  stageTimestamp: fc.oneof(
    nanos,
    fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(1e14) }),
  ),
  annotations: optional(mapOf(anyField)),
})

const anyRequest: fc.Arbitrary<AuditRequestFields> = fc.record({
  ip: optional(fc.oneof(fc.ipV4(), fc.ipV6(), anyText)),
  method: anyField,
  user: optional(anyField),
  groups: optional(fields),
  as: optional(anyField),
  asGroups: optional(fields),
  namespace: optional(anyField),
  uri: fc.oneof(
    anyField,
    anyText.map(text => `/api/v1/namespaces/${text}`),
  ),
  userAgent: optional(anyField),
  sourceIps: optional(fc.array(fc.oneof(fc.ipV4(), fc.ipV6(), anyText), { maxLength: 3 })),
})

/** All that Go's encoder never writes as it is; those in two units are lone surrogates. */
const UNESCAPED = /[<>&\u2028\u2029]|(?![\x7f-\x9f])\p{Cc}|\p{Surrogate}/u

/** One line, which gives the same when it is read and written again with Go's escapes. */
function expectOneLine(line: string): void {
  expect(line.indexOf('\n')).to.equal(line.length - 1)
  const text = line.slice(0, -1)
  expect(UNESCAPED.exec(text)).to.equal(null)
  // Go writes U+FFFD in two ways, and reading makes them one.
  expect(rewritten(JSON.parse(text))).to.equal(
    text.replaceAll(/(?<!\\)((?:\\\\)*)\\ufffd/g, '$1\ufffd'),
  )
}

/** JSON with Go's escapes, of members in the order in which they were read. */
function rewritten(value: unknown): string {
  if (typeof value === 'string') return goJsonString(value)
  if (Array.isArray(value)) return `[${value.map(rewritten).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).map(
    ([key, inner]) => `${goJsonString(key)}:${rewritten(inner)}`,
  )
  return `{${members.join(',')}}`
}

describe('formatEvent, for any input', () => {
  it('writes one line of JSON, escaped as Go does', () => {
    // Keys that look like numbers come first, and equal ones once, when JSON.parse reads them.
    const isOrdered = ({ user: one, impersonatedUser: other, annotations }: AuditEvent): boolean =>
      [one?.extra, other?.extra, annotations].every(map =>
        Object.keys(map ?? {}).every(key => !/^\d+$|[\ufffd\ud800-\udfff]|^__proto__$/.test(key)),
      )
    fc.assert(
      fc.property(anyEvent.filter(isOrdered), event => expectOneLine(formatEvent(event))),
      { numRuns: 2000 },
    )
  })

  it('says what it was given, for well-formed strings', () => {
    const text = fc.string({ unit: 'binary', minLength: 1 })
    fc.assert(
      fc.property(text, text, fc.array(text, { minLength: 1 }), (requestURI, username, groups) => {
        const event = { auditID: 'x', stage: 'Panic', verb: 'get', stageTimestamp: 0n } as const
        const read: unknown = JSON.parse(
          formatEvent({ ...event, requestURI, user: { username, groups } }),
        )
        expect(read).to.deep.include({ requestURI, user: { username, groups } })
      }),
    )
  })
})

describe('EventForm, for any input', () => {
  it('writes one line for each request and response, joined by the id', () => {
    const form = new EventForm({ now: () => ({ seconds: 0, nanos: 0 }) })
    fc.assert(
      fc.property(anyText, anyRequest, (id, request) => {
        const lines = [form.requestLine(id, request)]
        lines.push(form.responseLine(id, 200, 'ResponseStarted'))
        lines.push(form.responseLine(id, 200, 'ResponseComplete'))
        for (const line of lines) expectOneLine(line)
        const [first, ...others] = lines.map(line => /"auditID".*?,"stage"/.exec(line)?.[0])
        expect(others).to.deep.equal([first, first])
      }),
      { numRuns: 1000 },
    )
  })
})

describe('auditGapEvent, for any input', () => {
  it('writes one line of JSON, escaped as Go does', () => {
    fc.assert(
      fc.property(anyField, fc.maxSafeNat(), fc.maxSafeNat(), nanos, (why, records, bytes, time) =>
        expectOneLine(auditGapEvent({ why, records, bytes, time })),
      ),
    )
  })
})

describe('requestInfo, for any input', () => {
  it('finds the parts of a path again, however they are escaped', () => {
    const part = fc
      .string({ unit: 'binary', minLength: 1 })
      .filter(text => !text.includes('/') && text !== 'status' && text !== 'finalize')
    fc.assert(
      fc.property(part, part, part, (namespace, resource, name) => {
        const escaped = [namespace, resource, name].map(escapedPart)
        const target = `/api/v1/namespaces/${escaped[0]}/${escaped[1]}/${escaped[2]}`
        expect(requestInfo('PUT', target).objectRef).to.include({ namespace, resource, name })
        expect(namespaceOf(target)).to.equal(namespace)
      }),
    )
  })

  it('never fails', () => {
    fc.assert(
      fc.property(anyText, anyText, (method, text) => {
        for (const target of [text, `/api/v1/${text}`, `/api/v1/pods?${text}`]) {
          expect(requestInfo(method, target)).to.have.property('verb').that.is.a('string')
        }
      }),
    )
  })
})

/** Percent-encoding of each byte. */
function escapedPart(text: string): string {
  return Buffer.from(text).toString('hex').replaceAll(/../g, '%$&')
}
