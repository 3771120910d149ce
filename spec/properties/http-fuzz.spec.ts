import { isUtf8 } from 'node:buffer'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { expect } from 'chai'
import { FileAppender } from '../../lib/appender/file-appender.js'
import type { AuditLogFormat } from '../../lib/audit/audit-record.js'
import type { AuditUser } from '../../lib/http/authenticated-user.js'
import type { AnyRequest } from '../../lib/http/message.js'
import { auditedServers } from '../support/audited-server.js'
import { bytesOf, readEventPairs, readPairs } from '../support/audit-pairs.js'
import {
  bytesOfRequest,
  fuzzJunk,
  fuzzRequests,
  SECRET,
  valuesOf,
  type FuzzedRequest,
} from '../support/http-fuzz.js'
import type { Door } from '../support/http-client.js'
import { backupNames, expectSoundDirectory, readLines } from '../support/log-directory.js'
import { sayRaw } from '../support/raw-talk.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

/** How many there are of each format: 100,000 together. */
const REQUESTS: Readonly<Record<AuditLogFormat, number>> = {
  '1.4': 33_400,
  '1.6': 33_300,
  json: 33_300,
}

const MODES = { '1.4': 'blocking', '1.6': 'blocking-strict', json: 'batch' } as const

const PER_CONNECTION = 50
const CONNECTIONS_AT_A_TIME = 16
const JUNK_CONNECTIONS = 2000
const PROBLEMS_SHOWN = 5

const CODES = [200, 201, 204, 304, 404, 500, 503]

/** Another run tries others: `ROLLKEEPER_FUZZ_SEED=7 npx mocha spec/properties/http-fuzz.spec.ts`. */
const SEED = Number(process.env['ROLLKEEPER_FUZZ_SEED'] ?? 20_160_907)

/** What a line says of a request, in bytes; undefined for what stands for nothing. */
interface Shown {
  readonly id: string
  readonly code: number | undefined
  readonly ip: string | undefined
  readonly method: string
  readonly uri: string
  readonly user: string | undefined
  readonly groups: readonly string[] | undefined
  readonly as: string | undefined
  readonly asGroups: readonly string[] | undefined
}

/** Each request has its number in `X-Index`, which is how it is known again. */
class Handler {
  /** Numbers by the id that the response was given. */
  readonly served = new Map<string, number>()
  calls = 0

  readonly listener = (request: IncomingMessage, response: ServerResponse): void => {
    this.calls++
    const index = Number(request.headers['x-index'])
    this.served.set(String(response.getHeader('audit-id')), index)
    request.resume()
    response.writeHead(codeOf(index), { 'X-Done': '1' }).end()
  }
}

function codeOf(index: number): number {
  return CODES[index % CODES.length] ?? 200
}

/** Who is logged in says so itself, in bytes. */
function userOf({ headers }: AnyRequest): AuditUser | undefined {
  const name = headers['x-user']
  if (typeof name !== 'string' || name === '') return undefined
  return { name: Buffer.from(name, 'latin1'), groups: [Buffer.from(name, 'latin1'), 'all'] }
}

/** Sends all requests, many in one go on each connection, and waits for all answers. */
async function sendAll(door: Door, requests: readonly FuzzedRequest[]): Promise<void> {
  let next = 0
  const work = async (): Promise<void> => {
    while (next < requests.length) {
      const start = next
      next += PER_CONNECTION
      const some = requests.slice(start, next)
      const bytes = some.map((request, index) =>
        bytesOfRequest(request, [['X-Index', String(start + index)]]),
      )
      const done = { text: '\r\nX-Done: 1', times: some.length }
      const heard = await sayRaw(door, bytes.join(''), { after: done })
      const answers = heard.split(done.text).length - 1
      if (answers === some.length) continue
      throw new Error(`request ${start + answers} was not answered: ${heard.slice(-200)}`)
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS_AT_A_TIME }, work))
}

function shownIn(format: AuditLogFormat, lines: readonly string[]): Shown[] {
  const latin1 = (field: string | Uint8Array | undefined): string | undefined =>
    bytesOf(field)?.toString('latin1')
  if (format !== 'json') {
    return readPairs(lines).map(({ request, code }) => ({
      id: String(request.id),
      code,
      ip: request.ip,
      method: latin1(request.method) ?? '',
      uri: latin1(request.uri) ?? '',
      user: latin1(request.user),
      groups: request.groups?.map(group => latin1(group) ?? ''),
      as: latin1(request.as),
      asGroups: request.asGroups?.map(group => latin1(group) ?? ''),
    }))
  }
  return readEventPairs(lines).map(({ request, code }) => ({
    id: request.auditID,
    code,
    ip: request.sourceIPs?.join(),
    method: request.verb,
    uri: request.requestURI,
    user: request.user.username,
    groups: request.user.groups,
    as: request.impersonatedUser?.username,
    asGroups: request.impersonatedUser?.groups,
  }))
}

/** What the line of a request has to say, but for how its path is escaped. */
function expectedOf(format: AuditLogFormat, request: FuzzedRequest): Omit<Shown, 'id' | 'code'> {
  const said = format === 'json' ? goText : (bytes: string): string => bytes
  // Node joins the values of a header that is none of its own.
  const user = valuesOf(request, 'x-user').join(', ')
  const [as = ''] = valuesOf(request, 'impersonate-user')
  const asGroups = valuesOf(request, 'impersonate-group').map(said)
  const unless = (sentinel: string, text: string): string | undefined =>
    text === '' || (format !== 'json' && text === sentinel) ? undefined : said(text)
  return {
    ip: '127.0.0.1',
    method: request.method,
    uri: unescaped(request.shownPath) + request.shownQuery,
    user: unless('<none>', user),
    groups: user === '' || format === '1.4' ? undefined : [said(user), 'all'],
    as: unless('<self>', as),
    asGroups: asGroups.length === 0 || format === '1.4' ? undefined : asGroups,
  }
}

/** What differs between the request and what is shown of it; nothing if all is well. */
function problemOf(format: AuditLogFormat, request: FuzzedRequest, shown: Shown): string {
  const { id: _id, code: _code, ...fields } = shown
  const expected = expectedOf(format, request)
  const queryAt = shown.uri.length - request.shownQuery.length
  const seen = {
    ...fields,
    // The verb of an event is that of Kubernetes, which has a spec of its own.
    method: format === 'json' ? request.method : fields.method,
    uri: unescaped(fields.uri.slice(0, queryAt)) + fields.uri.slice(queryAt),
  }
  const one = JSON.stringify(seen, Object.keys(expected))
  const other = JSON.stringify(expected, Object.keys(expected))
  return one === other ? '' : `${bytesOfRequest(request)}\nis ${one}\nnot ${other}`
}

/** Bytes for percent escapes, as far as they are whole. */
function unescaped(path: string): string {
  return path.replace(/%([\da-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
}

/** What Go's JSON makes of bytes: U+FFFD for each that is no UTF-8. */
function goText(latin1: string): string {
  const bytes = Buffer.from(latin1, 'latin1')
  let result = ''
  let at = 0
  while (at < bytes.length) {
    const width = [1, 2, 3, 4].find(count => isUtf8(bytes.subarray(at, at + count))) ?? 0
    result += width === 0 ? '\ufffd' : bytes.toString('utf8', at, at + width)
    at += Math.max(1, width)
  }
  return result
}

/** Expects of requests that each kind there is comes up often enough to be of use. */
function expectTelling(requests: readonly FuzzedRequest[]): void {
  const kinds: Record<string, (request: FuzzedRequest) => boolean> = {
    'a secret parameter': ({ shownQuery }) => shownQuery.includes('=REDACTED'),
    'a query without': ({ shownQuery }) => shownQuery !== '' && !shownQuery.includes('REDACTED'),
    'a password': ({ target }) => target.includes('@') && target.includes(SECRET),
    'an escape': ({ shownPath }) => /%[\da-f]{2}/i.test(shownPath),
    'an escape that is none': ({ shownPath }) => /%(?![\da-f]{2})/i.test(shownPath),
    'two users': request => valuesOf(request, 'impersonate-user').length > 1,
    'an empty user': request => valuesOf(request, 'impersonate-user')[0] === '',
    'two groups': request => valuesOf(request, 'impersonate-group').length > 1,
    'bytes that are no text': ({ headers }) =>
      headers.some(([, one]) => !isUtf8(Buffer.from(one, 'latin1'))),
    'a forged line': ({ headers }) => headers.some(([, one]) => one.includes('AUDIT: id=')),
    'an id': request => valuesOf(request, 'audit-id').length > 0,
    'a body': ({ body }) => body !== '',
  }
  for (const [kind, isOne] of Object.entries(kinds)) {
    expect(requests.filter(isOne).length, kind).to.be.above(requests.length / 200)
  }
}

describe('auditServer, for any request', function () {
  this.timeout(300_000)
  const at = temporaryDirectory()
  const serve = auditedServers()
  let sent = 0

  before(() => console.log(`      seed: ROLLKEEPER_FUZZ_SEED=${SEED}`))

  for (const format of ['1.4', '1.6', 'json'] as const) {
    const count = REQUESTS[format]
    it(`has one pair for each of ${count} in format ${format}, which says what was sent`, async () => {
      const path = at('logs', 'audit.log')
      const log = new FileAppender({ path, maxSize: '512KiB' })
      const handler = new Handler()
      const { listener } = handler
      const audit = { user: userOf, mode: MODES[format] }
      const server = await serve({ kind: 'http', listener, format, log, audit })
      const requests = fuzzRequests(count, SEED + Object.keys(REQUESTS).indexOf(format))
      await sendAll(server, requests)
      await server.stop()
      await log.close()

      expectTelling(requests)
      expect(handler.calls).to.equal(count)
      expect(server.arrivals()).to.equal(count)
      expect(handler.served.size).to.equal(count)
      expect(backupNames(path).length).to.be.above(10)
      expectSoundDirectory(path)
      const lines = readLines(path)
      expect(lines).to.have.lengthOf(2 * count)
      const shown = shownIn(format, lines)
      expect(shown).to.have.lengthOf(count)
      const problems = new Set<string>()
      for (const one of shown) {
        const index = handler.served.get(one.id)
        const request = requests[index ?? -1]
        if (index === undefined || !request) problems.add(`nobody's line: ${one.id}`)
        else if (one.code !== codeOf(index)) problems.add(`${one.id}: ${one.code}`)
        else problems.add(problemOf(format, request, one))
        handler.served.delete(one.id)
      }
      expect([...problems].filter(Boolean).slice(0, PROBLEMS_SHOWN)).to.deep.equal([])
      expect(handler.served.size, 'requests without a line').to.equal(0)
      expect(lines.filter(line => line.includes(SECRET)).slice(0, 1)).to.deep.equal([])
      sent += count
    })
  }

  it('has been sent 100,000 requests by now', () => {
    console.log(`      ${sent} requests`)
    expect(sent).to.equal(100_000)
  })

  for (const parser of ['strict', 'lenient'] as const) {
    it(`has one pair for each that a ${parser} parser makes of junk`, async () => {
      const handler = new Handler()
      const server = await serve({
        kind: 'http',
        listener: handler.listener,
        format: '1.6',
        audit: { user: userOf },
        server: { insecureHTTPParser: parser === 'lenient' },
      })
      const junk = fuzzJunk(JUNK_CONNECTIONS, SEED)
      const before = fuzzRequests(JUNK_CONNECTIONS, SEED + 3)
      for (const [index, one] of before.entries()) {
        await sayRaw(server, bytesOfRequest(one) + junk[index], { after: 'end' })
      }
      await server.hasLines(2 * server.arrivals())
      await server.stop()
      const pairs = readPairs(server.lines)
      expect(pairs).to.have.lengthOf(server.arrivals())
      // The one that came before the junk is whole, and some junk is a request after all.
      expect(pairs.length).to.be.within(JUNK_CONNECTIONS * 1.05, JUNK_CONNECTIONS * 3)
      const ids = new Set(pairs.map(({ request }) => request.id))
      for (const id of handler.served.keys()) expect(ids.has(id), id).to.equal(true)
    })
  }
})
