import { METHODS } from 'node:http'
import * as fc from 'fast-check'

/** A request as it is sent, and what is to be in the log; each character stands for a byte. */
export interface FuzzedRequest {
  readonly method: string
  readonly target: string
  /** Names and values, as they are sent. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: string
  /** What of the target is shown, as far as that is known to the letter: all behind the path. */
  readonly shownQuery: string
  /** The path, and before it what is shown of scheme and host. Its path may be shown otherwise. */
  readonly shownPath: string
}

/** No line may have it: it is in passwords and in the values of secret parameters only. */
export const SECRET = 's3cr3t'

const BYTES = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte))

/** Bytes that Node's parser lets through in a target, and in the value of a header. */
const TARGET_BYTES = BYTES.filter(byte => byte > ' ' && byte < '\x7f')
const VALUE_BYTES = BYTES.filter(byte => byte === '\t' || (byte >= ' ' && byte !== '\x7f'))

const UTF8_PIECES = ['é', '漢', '😀', '\u2028', '\u202e', '\u200b', '\ufeff', '\u0085', '\u{e000}']

const FORGERIES = [
  '" response="200"',
  String.raw`\n2016-09-07T13:03:57Z AUDIT: id="x" response="200"`,
  'AUDIT: gap records="1" bytes="1" why="x"',
  '"}{"kind":"Event","stage":"ResponseComplete"}',
  '"',
  '\\',
  '<none>',
]

const text = (arbitrary: fc.Arbitrary<string>, maxLength: number): fc.Arbitrary<string> =>
  fc.array(arbitrary, { maxLength }).map(pieces => pieces.join(''))

const value = text(
  fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...VALUE_BYTES) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(...UTF8_PIECES.map(one => Buffer.from(one).toString('latin1'))),
    },
    { weight: 1, arbitrary: fc.constantFrom(...FORGERIES) },
  ),
  10,
)

const path = text(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.constantFrom(...TARGET_BYTES.filter(byte => byte !== '?' && byte !== '#')),
    },
    { weight: 2, arbitrary: fc.constantFrom(...BYTES).map(percentEscape) },
    {
      weight: 1,
      arbitrary: fc.constantFrom('%', '%2', '%zz', '%0a', '%22', '/api/v1/namespaces/'),
    },
  ),
  14,
).map(rest => `/${rest}`)

/** Parts of a query, as they are sent and as they are shown. */
const plainPart = text(fc.constantFrom(...TARGET_BYTES.filter(byte => byte !== '&')), 8).map(
  part => [part, part] as const,
)
const secretPart = fc
  .tuple(
    fc.constantFrom('token', 'access_token', 'PASSWORD', 'p%61ssword', 'user[token]', 'a;token'),
    text(fc.constantFrom(...TARGET_BYTES.filter(byte => byte !== '&')), 3),
  )
  .map(([name, after]) => [`${name}=${SECRET}${after}`, `${name}=REDACTED`] as const)

const query = fc
  .array(fc.oneof({ weight: 4, arbitrary: plainPart }, { weight: 1, arbitrary: secretPart }), {
    minLength: 1,
    maxLength: 3,
  })
  .map(parts => [0, 1].map(index => `?${parts.map(part => part[index]).join('&')}`))

const origin = fc.constantFrom(
  ['', ''],
  ['', ''],
  ['', ''],
  ['http://example.test', 'http://example.test'],
  [`HTTPS://ann:${SECRET}@Example.test:81`, 'https://Example.test:81'],
  [`ftp://${SECRET}%40@[2001:db8::1]`, 'ftp://[2001:db8::1]'],
)

const target = fc
  .tuple(origin, path, fc.option(query, { nil: ['', ''], freq: 3 }))
  .map(([[sent = '', shown = ''], middle, [end = '', shownEnd = '']]) => ({
    target: sent + middle + end,
    shownPath: shown + middle,
    shownQuery: shownEnd,
  }))

const header = fc.tuple(
  fc.constantFrom(
    'Impersonate-User',
    'Impersonate-User',
    'impersonate-group',
    'Impersonate-Group',
    'X-User',
    'X-Forwarded-For',
    'Audit-ID',
    'User-Agent',
    "!#$%&'*+-.^_`|~",
  ),
  value,
)

const body = fc.oneof(
  { weight: 3, arbitrary: fc.constant('') },
  { weight: 1, arbitrary: text(fc.constantFrom(...FORGERIES, '\r\n', '\0', '\n'), 4) },
)

const fuzzed: fc.Arbitrary<FuzzedRequest> = fc
  .tuple(
    fc.constantFrom(...METHODS.filter(method => method !== 'CONNECT')),
    target,
    fc.array(header, { maxLength: 4 }),
    body,
  )
  .map(([method, where, headers, content]) => ({ method, ...where, headers, body: content }))

/** Makes requests that Node's parser lets through: always the same ones of the same seed. */
export function fuzzRequests(count: number, seed: number): FuzzedRequest[] {
  return fc.sample(fuzzed, { numRuns: count, seed })
}

/** What is made of a request by removing, putting in and doubling bytes anywhere. */
export function fuzzJunk(count: number, seed: number): string[] {
  const change = fc.record({
    at: fc.nat(),
    removed: fc.nat({ max: 4 }),
    inserted: fc.oneof(
      text(fc.constantFrom(...BYTES), 4),
      fc.constantFrom('\r\n', '\n', '\0', ' '),
    ),
  })
  const junk = fc.tuple(fuzzed, fc.array(change, { minLength: 1, maxLength: 4 }))
  return fc.sample(junk, { numRuns: count, seed }).map(([request, changes]) => {
    let bytes = bytesOfRequest(request)
    for (const { at, removed, inserted } of changes) {
      const start = at % (bytes.length + 1)
      bytes = bytes.slice(0, start) + inserted + bytes.slice(start + removed)
    }
    return bytes
  })
}

/**
 * A request as it goes over the wire.
 *
 * @param more headers besides its own.
 */
export function bytesOfRequest(
  { method, target: asked, headers, body: content }: FuzzedRequest,
  more: readonly (readonly [name: string, value: string])[] = [],
): string {
  const length = content === '' ? [] : [['Content-Length', String(content.length)] as const]
  const all = [['Host', 'localhost'] as const, ...headers, ...more, ...length]
  const lines = all.map(([name, one]) => `${name}: ${one}\r\n`).join('')
  return `${method} ${asked} HTTP/1.1\r\n${lines}\r\n${content}`
}

/** The values of a header, in order, as the parser gives them: without white space around them. */
export function valuesOf({ headers }: FuzzedRequest, name: string): string[] {
  return headers
    .filter(([one]) => one.toLowerCase() === name)
    .map(([, one]) => one.replace(/^[ \t]+|[ \t]+$/g, ''))
}

function percentEscape(byte: string): string {
  return `%${byte.charCodeAt(0).toString(16).padStart(2, '0')}`
}
