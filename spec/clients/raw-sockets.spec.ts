import { once } from 'node:events'
import { METHODS, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { expect } from 'chai'
import { goQuote } from '../../lib/audit/go-quote.js'
import { auditedServers, type AuditedServer } from '../support/audited-server.js'
import { bytesOf, readPairs, withoutTimeAndId } from '../support/audit-pairs.js'
import {
  openSession,
  openStream,
  RawClient,
  streamAnswer,
  type Question,
} from '../support/http-client.js'
import { waitFor } from '../support/run-program.js'
import { sayRaw } from '../support/raw-talk.js'

/** What looks like a line, and like the end of one. */
const FORGERY = '" response="200"\\n2016-09-07T13:03:57Z AUDIT: id="'

const CLOSE = 'Connection: close\r\n\r\n'

/** Reads all, and answers 200. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  request.resume()
  response.end('done')
}

/** A GET with these lines of header, after which the server closes. */
function get(target: string, ...headers: string[]): string {
  const lines = headers.map(line => `${line}\r\n`).join('')
  return `GET ${target} HTTP/1.1\r\nHost: localhost\r\n${lines}${CLOSE}`
}

/** A string whose characters are the bytes of the text in UTF-8. */
function utf8(text: string): string {
  return Buffer.from(text).toString('latin1')
}

/** A line of 1.6 of a request from here, in which nothing is known but what is given. */
function lineOf(fields: { method?: string; as?: string; asGroups?: string; uri: string }): string {
  const { method = 'GET', as = '"<self>"', asGroups = '"<lookup>"', uri } = fields
  return `TIME AUDIT: id="ID" ip="127.0.0.1" method="${method}" user="<none>" groups="<none>" as=${as} asgroups=${asGroups} namespace="<none>" uri=${uri}`
}

const OK = 'TIME AUDIT: id="ID" response="200"'

for (const kind of ['http', 'https'] as const) {
  describe(`a raw socket, to a server of ${kind}`, function () {
    this.timeout(60_000)
    const serve = auditedServers()

    /** All lines, once the server has stopped; expected to be pairs, two for each arrival. */
    async function stop(server: AuditedServer): Promise<ReturnType<typeof readPairs>> {
      await server.hasLines(2 * server.arrivals())
      await server.stop()
      const pairs = readPairs(server.lines)
      expect(pairs).to.have.lengthOf(server.arrivals())
      return pairs
    }

    async function linesAfter(...requests: string[]): Promise<string[]> {
      const server = await serve({ kind, listener: answer, format: '1.6' })
      for (const request of requests) {
        expect(await sayRaw(server, request)).to.match(/^HTTP\/1\.1 200 /)
      }
      await stop(server)
      return server.lines.map(withoutTimeAndId)
    }

    it('sends bytes outside ASCII, which are shown as UTF-8 where they are', async () => {
      const lines = await linesAfter(
        get('/', `Impersonate-User: ${utf8('Zoë 漢😀\u200b')}`),
        get('/', 'Impersonate-User: \xc3', 'Impersonate-Group: a\x80b\xff'),
        get('/', 'Impersonate-User: \xed\xa0\x80\xc0\xaf\xf4\x90\x80\x80\xc2\x85'),
      )
      expect(lines).to.deep.equal([
        lineOf({ as: String.raw`"Zoë 漢😀\u200b"`, uri: '"/"' }),
        OK,
        lineOf({
          as: String.raw`"\xc3"`,
          asGroups: String.raw`"\"a\\x80b\\xff\""`,
          uri: '"/"',
        }),
        OK,
        lineOf({
          as: String.raw`"\xed\xa0\x80\xc0\xaf\xf4\x90\x80\x80\u0085"`,
          uri: '"/"',
        }),
        OK,
      ])
    })

    it('repeats headers, of which the first user and all groups count', async () => {
      const groups = Array.from({ length: 40 }, (_, index) => `g, ${index}`)
      const [line] = await linesAfter(
        get(
          '/',
          'Impersonate-User: first, one',
          'iMPERSONATE-uSER: second',
          ...groups.map(group => `Impersonate-Group: ${group}`),
          'Impersonate-Group:',
        ),
      )
      const quoted = [...groups, ''].map(group => goQuote(group)).join(',')
      expect(line).to.equal(lineOf({ as: '"first, one"', asGroups: goQuote(quoted), uri: '"/"' }))
    })

    it('names nobody by an empty header, whatever comes after it', async () => {
      const [line] = await linesAfter(
        get('/', 'Impersonate-User:  \t ', 'Impersonate-User: second'),
      )
      expect(line).to.equal(lineOf({ uri: '"/"' }))
    })

    it('says where it comes from in several lines, and is believed as far as it may', async () => {
      const expected = {
        none: '127.0.0.1',
        list: '2001:db8::1',
        all: '198.51.100.1',
      }
      const headers = [
        'X-Forwarded-For: unknown, 198.51.100.1 ,10.0.0.1',
        'X-Forwarded-For: 2001:DB8:0::1',
        'X-Real-Ip: 192.0.2.1',
        'X-Forwarded-For: 10.0.0.2,\t10.0.0.3',
      ]
      const trusted = { none: false, list: ['10.0.0.0/8', '127.0.0.1'], all: 'all' } as const
      for (const [name, ip] of Object.entries(expected)) {
        const trustProxy = trusted[name as keyof typeof trusted]
        const server = await serve({ kind, listener: answer, audit: { trustProxy } })
        await sayRaw(server, get('/', ...headers))
        const [pair] = await stop(server)
        expect(pair?.request.ip, name).to.equal(ip)
      }
    })

    it('gives ids, which are taken only where that is asked for, and only if there is one', async () => {
      const own = 'Audit-ID: 11111111-2222-4333-8444-555555555555'
      for (const acceptAuditId of [false, true]) {
        const server = await serve({ kind, listener: answer, audit: { acceptAuditId } })
        const alone = await sayRaw(server, get('/', own))
        const twice = await sayRaw(server, get('/', own, 'audit-id: x'))
        const bad = await sayRaw(server, get('/', 'Audit-ID: a\x80b'))
        const pairs = await stop(server)
        const echoed = [alone, twice, bad].map(text => /^Audit-Id: (.*)\r$/m.exec(text)?.[1])
        expect(pairs.map(({ request }) => request.id)).to.deep.equal(echoed)
        const [first, second, third] = echoed
        expect(first === own.slice('Audit-ID: '.length)).to.equal(acceptAuditId)
        expect(second).to.not.equal(first)
        expect(third).to.match(/^[0-9a-f-]{36}$/)
      }
    })

    it('asks for an absolute target, whose credentials are not shown', async () => {
      const lines = await linesAfter(
        get('HTTP://ann:s3cr3t@Example.test:81/a%20b/c?d=e'),
        get('http://s3cr3t@[::1]'),
        get('https://a:s3c/r3t@example.test/'),
        get('http://ann:s3cr3t@example.test?token=s3cr3t&x'),
      )
      expect(lines.filter(line => line !== OK)).to.deep.equal([
        lineOf({ uri: '"http://Example.test:81/a%20b/c?d=e"' }),
        lineOf({ uri: '"http://[::1]"' }),
        lineOf({ uri: '"https://example.test/"' }),
        lineOf({ uri: '"http://example.test?token=REDACTED&x"' }),
      ])
    })

    it('uses each method that there is', async () => {
      const methods = METHODS.filter(method => method !== 'CONNECT')
      const server = await serve({ kind, listener: answer })
      for (const method of methods) await sayRaw(server, get('/m').replace('GET', method))
      const pairs = await stop(server)
      expect(pairs.map(({ request }) => request.method)).to.deep.equal(methods)
    })

    it('asks for 64 KiB of a uri, of bytes of all kinds', async () => {
      const server = await serve({ kind, listener: answer, server: { maxHeaderSize: 131_072 } })
      const path = `/${`%e6%BC%a2"<>^{|}`.repeat(4096)}`
      const query = '?"<>^`{|}\\%'
      expect(path).to.have.lengthOf(65_537)
      await sayRaw(server, get(path + query))
      const [pair, ...more] = await stop(server)
      expect(more).to.deep.equal([])
      const shown = `/${'%E6%BC%A2%22%3C%3E%5E%7B%7C%7D'.repeat(4096)}`
      expect(pair?.request.uri).to.equal(shown + query)
    })

    it('sends its header one byte at a time, and is in the log once it is whole', async () => {
      const server = await serve({ kind, listener: answer })
      const client = await RawClient.open(server)
      const request = get('/slow', 'Impersonate-User: ann')
      for (const byte of request.slice(0, -1)) {
        await new Promise(resolve => client.socket.write(byte, 'latin1', resolve))
      }
      expect(server.lines).to.deep.equal([])
      client.send(request.slice(-1))
      await client.closed()
      const [pair, ...more] = await stop(server)
      expect(more).to.deep.equal([])
      expect(pair?.code).to.equal(200)
      expect(pair?.request).to.deep.include({ as: 'ann', uri: '/slow' })
    })

    it('is not in the log if its header never ends', async () => {
      const server = await serve({
        kind,
        listener: answer,
        server: { headersTimeout: 50, connectionsCheckingInterval: 10 },
      })
      const heard = await sayRaw(server, 'GET /never HTTP/1.1\r\nHost: localhost\r\nX: ')
      expect(heard).to.match(/^HTTP\/1\.1 408 /)
      expect(await stop(server)).to.deep.equal([])
    })

    it('sends junk after requests in one go, of which each whole one is in the log', async () => {
      const good = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`
      const junk = [
        FORGERY,
        '\0\0\0\0',
        'GET /\n/ HTTP/1.1\r\n\r\n',
        'GET / HTTP/1.1\r\nHost: a\r\nX-A: \x01\r\n\r\n',
        'GET / HTTP/9.9\r\n\r\n',
        'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
        'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
        'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n',
      ]
      for (const rubbish of junk) {
        const server = await serve({ kind, listener: answer })
        await sayRaw(server, good('/1') + good('/2') + good('/3') + rubbish, { after: 'end' })
        const pairs = await stop(server)
        const uris = pairs.map(({ request }) => request.uri)
        expect(uris.slice(0, 3), JSON.stringify(rubbish)).to.deep.equal(['/1', '/2', '/3'])
        expect(uris.slice(3)).to.deep.equal(
          rubbish.startsWith('POST / HTTP/1.1\r\nHost: a\r\nT') ? ['/'] : [],
        )
      }
    })

    it('ends at each byte of a request, and is in the log as far as it got', async () => {
      const server = await serve({ kind, listener: answer })
      const header = `POST /cut?a=b HTTP/1.1\r\nHost: localhost\r\nImpersonate-User: ${utf8('zoë')}\r\nContent-Length: 5\r\n\r\n`
      const request = `${header}12345GET /second HTTP/1.1\r\nHost: localhost\r\n${CLOSE}`
      for (let bytes = 0; bytes <= request.length; bytes++) {
        await sayRaw(server, request.slice(0, bytes), { after: 'end' })
      }
      const pairs = await stop(server)
      const posts = pairs.filter(({ request: { uri } }) => uri === '/cut?a=b')
      const gets = pairs.filter(({ request: { uri } }) => uri === '/second')
      expect(posts).to.have.lengthOf(request.length - header.length + 1)
      for (const post of posts) {
        expect(post.request).to.deep.include({ method: 'POST', as: 'zoë' })
        expect(post.code).to.be.oneOf([200, 400, 499])
      }
      expect(gets).to.have.lengthOf(1)
      expect(posts.length + gets.length).to.equal(pairs.length)
    })

    it('breaks off at each byte of a request, before it is answered', async () => {
      const server = await serve({ kind, listener: asked => asked.resume() })
      const header = 'POST /cut HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n'
      const request = `${header}12345`
      for (let bytes = 0; bytes <= request.length; bytes++) {
        const client = await RawClient.open(server)
        client.send(request.slice(0, bytes))
        const posts = Math.max(0, bytes - header.length + 1)
        await waitFor('the request', () => server.arrivals() === posts)
        client.socket.destroy()
      }
      const pairs = await stop(server)
      expect(pairs).to.have.lengthOf('12345'.length + 1)
      for (const { request: parsed, code } of pairs) {
        expect(parsed).to.deep.include({ method: 'POST', uri: '/cut' })
        // Node answers 400 to a body that ends early, if it hears of that in time.
        expect(code).to.be.oneOf([400, 499])
      }
      expect(pairs.at(-1)?.code).to.equal(499)
    })

    for (const parser of ['strict', 'lenient'] as const) {
      describe(`whose parser is ${parser}`, () => {
        /** Where a byte is put, and what is then in the line, as bytes. */
        const places: Record<
          string,
          { ask: (byte: string) => string; shown: 'method' | 'uri' | 'as'; least: number }
        > = {
          'the method': { ask: byte => get('/').replace('E', byte), shown: 'method', least: 0 },
          'the target': { ask: byte => get(`/a${byte}b`), shown: 'uri', least: 94 },
          'the query': { ask: byte => get(`/?a${byte}b`), shown: 'uri', least: 94 },
          'the name of a header': {
            ask: byte => get('/', `Impersonate${byte}User: a`),
            shown: 'as',
            least: 70,
          },
          'a header': {
            ask: byte => get('/', `Impersonate-User: a${byte}b`),
            shown: 'as',
            least: parser === 'strict' ? 224 : 250,
          },
        }
        for (const [place, { shown, least, ...how }] of Object.entries(places)) {
          it(`puts each byte into ${place}, and what comes through is one line that says it`, async () => {
            const server = await serve({
              kind,
              listener: answer,
              server: { insecureHTTPParser: parser === 'lenient' },
            })
            const arrived: string[] = []
            for (let byte = 0; byte < 256; byte++) {
              const before = server.arrivals()
              const character = String.fromCharCode(byte)
              await sayRaw(server, how.ask(character), { after: 'end' })
              if (server.arrivals() > before) arrived.push(character)
            }
            const pairs = await stop(server)
            expect(arrived.length).to.be.at.least(least)
            expect(pairs).to.have.lengthOf(arrived.length)
            const seen = pairs.map(({ request }) => bytesOf(request[shown])?.toString('latin1'))
            expect(seen).to.deep.equal(arrived.map(byte => expectedAt(place, byte)))
          })
        }
      })
    }
  })
}

describe('a stream of HTTP/2', function () {
  this.timeout(60_000)
  const serve = auditedServers()

  /** What is asked with a byte in each place, and what of it is then in the line. */
  const places: Record<
    string,
    { ask: (byte: string) => Question; shown: 'method' | 'uri' | 'as'; least: number }
  > = {
    'the method': { ask: byte => ({ method: `G${byte}T` }), shown: 'method', least: 70 },
    'the target': { ask: byte => ({ path: `/a${byte}b` }), shown: 'uri', least: 94 },
    'the query': { ask: byte => ({ path: `/?a${byte}b` }), shown: 'uri', least: 94 },
    'a header': {
      ask: byte => ({ headers: { 'impersonate-user': `a${byte}b` } }),
      shown: 'as',
      least: 224,
    },
  }
  for (const [place, { shown, least, ...how }] of Object.entries(places)) {
    it(`puts each byte into ${place}, and what comes through is one line that says it`, async () => {
      const given: unknown[] = []
      const server = await serve({
        kind: 'http2',
        listener(request, response) {
          given.push(request.headers['impersonate-user'])
          answer(request, response)
        },
      })
      const arrived: string[] = []
      for (let byte = 0; byte < 256; byte++) {
        const before = server.arrivals()
        const session = await openSession(server)
        const character = String.fromCharCode(byte)
        await streamAnswer(openStream(session, how.ask(character)))
        session.destroy()
        if (server.arrivals() > before) arrived.push(character)
      }
      await server.hasLines(2 * server.arrivals())
      await server.stop()
      const pairs = readPairs(server.lines)
      expect(arrived.length).to.be.at.least(least)
      expect(pairs).to.have.lengthOf(arrived.length)
      const seen = pairs.map(({ request }) => bytesOf(request[shown])?.toString('latin1'))
      // Versions of nghttp2 leave a header out, or refuse it, or let it through, that has these.
      const isOdd = (byte: string): boolean => shown === 'as' && (byte < ' ' || byte === '\x7f')
      expect(seen).to.deep.equal(
        arrived.map((byte, index) => (isOdd(byte) ? given[index] : expectedAt(place, byte))),
      )
    })
  }
})

/** What a line shows of a request with this byte in this place. */
function expectedAt(place: string, byte: string): string | undefined {
  const percent = `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
  if (place === 'the method') return `G${byte}T`
  if (place === 'the target') {
    if (byte === '?') return '/a?b'
    return /[\w.~!$&'()*+,;=:@[\]/%-]/.test(byte) ? `/a${byte}b` : `/a${percent}b`
  }
  if (place === 'the query') return `/?a${byte}b`
  if (place === 'the name of a header') return byte === '-' ? 'a' : undefined
  return `a${byte}b`
}

describe('a raw socket, that is upgraded or refused', () => {
  const serve = auditedServers()

  it('forges no line by what it sends after the upgrade', async () => {
    const server = await serve({
      kind: 'http',
      listener: answer,
      prepare: made =>
        made.on('upgrade', (_request, socket: Duplex) => {
          socket.on('error', () => undefined)
          socket.write(
            'HTTP/1.1 101 Switching Protocols\r\nUpgrade: talk\r\nConnection: Upgrade\r\n\r\n',
          )
          socket.pipe(socket)
        }),
    })
    const client = await RawClient.open(server)
    client.send('GET /up HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: talk\r\n\r\n')
    await waitFor('the upgrade', () => client.heard.includes('\r\n\r\n'))
    const talk = `GET / HTTP/1.1\r\n\r\nHTTP/1.1 500 No\r\n\r\n${FORGERY}`
    client.send(talk)
    await waitFor('the echo', () => client.heard.endsWith(FORGERY))
    const closed = once(client.socket, 'close')
    client.socket.end()
    await closed
    await server.hasLines(2)
    await server.stop()
    const pairs = readPairs(server.lines)
    expect(pairs.map(({ request, code }) => [request.uri, code])).to.deep.equal([['/up', 101]])
  })
})
