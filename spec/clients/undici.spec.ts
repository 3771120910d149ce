import type { IncomingMessage, ServerResponse } from 'node:http'
import { expect } from 'chai'
import { Agent, Client, fetch, request } from 'undici'
import { auditedServers, clientAuthority, type AuditedServer } from '../support/audited-server.js'
import { readEventPairs, readPairs } from '../support/audit-pairs.js'
import { httpCertificates } from '../support/http-certificates.js'
import { waitFor } from '../support/run-program.js'

const PARALLEL = 500

/** Codes that are answered in turn, by the number at the end of the path. */
const CODES = [200, 201, 204, 304, 404, 500, 503]

const codeOf = (index: number): number => CODES[index % CODES.length] ?? 0

function answer({ url = '' }: IncomingMessage, response: ServerResponse): void {
  response.writeHead(codeOf(Number(url.split('/').at(-1)))).end()
}

describe('undici', function () {
  this.timeout(60_000)
  const serve = auditedServers()
  const clients: { destroy(): Promise<void> }[] = []
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.destroy()
  })

  /** What a client has to know to connect as `ann`. */
  async function connectOptions(): Promise<{ ca: string; key: string; cert: string }> {
    const { ca } = await httpCertificates()
    return { ca, ...(await (await clientAuthority()).client('ann', ['dev'])) }
  }

  function remembered<C extends { destroy(): Promise<void> }>(client: C): C {
    clients.push(client)
    return client
  }

  /** Uris and codes of all pairs, in the order of the requests, once the server has stopped. */
  async function answersOf(server: AuditedServer, count: number): Promise<[string, number][]> {
    await server.hasLines(2 * count)
    await server.stop()
    const pairs = readPairs(server.lines)
    expect(server.arrivals()).to.equal(pairs.length)
    for (const {
      request: { user },
    } of pairs)
      expect(user).to.equal('ann')
    return pairs.map(({ request: { uri }, code }) => [String(uri), code])
  }

  const numbered = (count: number): [string, number][] =>
    Array.from({ length: count }, (_, index) => [`/${index}`, codeOf(index)])

  it('sends ten requests before the first is answered', async () => {
    const held: (() => void)[] = []
    const server = await serve({
      kind: 'https',
      listener(asked, response) {
        if (asked.url === '/0') held.push(() => answer(asked, response))
        else answer(asked, response)
      },
    })
    const client = remembered(
      new Client(server.origin, { pipelining: 10, connect: await connectOptions() }),
    )
    const asked = Array.from({ length: 10 }, (_, index) =>
      client.request({ method: 'GET', path: `/${index}`, blocking: false }),
    )
    await waitFor('all requests', () => server.arrivals() === 10)
    // Nine are answered, but no header can go out before that of the first.
    expect(server.lines).to.have.lengthOf(10)
    held[0]?.()
    const codes = await Promise.all(asked.map(async one => (await one).statusCode))
    expect(codes).to.deep.equal(numbered(10).map(([, code]) => code))
    expect(await answersOf(server, 10)).to.deep.equal(numbered(10))
  })

  for (const kind of ['https', 'http2'] as const) {
    const allowH2 = kind === 'http2'
    describe(`with a server of ${kind}`, () => {
      async function agent(): Promise<Agent> {
        return remembered(new Agent({ allowH2, connect: await connectOptions() }))
      }

      it('fetches, and is told the id', async () => {
        const versions: string[] = []
        const server = await serve({
          kind,
          listener(asked, response) {
            versions.push(asked.httpVersion)
            response.end('hello')
          },
        })
        const dispatcher = await agent()
        const headers = { 'Impersonate-User': 'bob' }
        const response = await fetch(`${server.origin}/ü?a=ü`, { dispatcher, headers })
        expect(await response.text()).to.equal('hello')
        await server.hasLines(2)
        await server.stop()
        const [pair, ...more] = readPairs(server.lines)
        expect(more).to.deep.equal([])
        expect(pair?.request).to.deep.include({
          id: response.headers.get('audit-id'),
          user: 'ann',
          as: 'bob',
          uri: '/%C3%BC?a=%C3%BC',
        })
        expect(pair?.code).to.equal(200)
        expect(versions).to.deep.equal([allowH2 ? '2.0' : '1.1'])
      })

      it(`asks for ${PARALLEL} at a time, each of which has its pair`, async () => {
        const server = await serve({ kind, listener: answer })
        const dispatcher = await agent()
        const codes = await Promise.all(
          numbered(PARALLEL).map(async ([path]) => {
            const { statusCode, body } = await request(`${server.origin}${path}`, { dispatcher })
            await body.dump()
            return statusCode
          }),
        )
        expect(codes).to.deep.equal(numbered(PARALLEL).map(([, code]) => code))
        const answers = await answersOf(server, PARALLEL)
        expect(new Map(answers)).to.deep.equal(new Map(numbered(PARALLEL)))
        expect(answers).to.have.lengthOf(PARALLEL)
      })

      it('gives up before the header, which is 499', async () => {
        const server = await serve({ kind, listener: () => undefined })
        const controller = new AbortController()
        const asked = request(`${server.origin}/1`, {
          dispatcher: await agent(),
          signal: controller.signal,
        })
        await waitFor('the request', () => server.arrivals() === 1)
        controller.abort()
        expect(await asked.catch((error: Error) => error.name)).to.equal('AbortError')
        expect(await answersOf(server, 1)).to.deep.equal([['/1', 499]])
      })

      it('gives up after the header, which was answered', async () => {
        const server = await serve({
          kind,
          listener(_asked, response) {
            response.writeHead(206)
            response.write('the beginning')
          },
        })
        const controller = new AbortController()
        const { statusCode, body } = await request(`${server.origin}/1`, {
          dispatcher: await agent(),
          signal: controller.signal,
        })
        expect(statusCode).to.equal(206)
        controller.abort()
        expect(await body.text().catch((error: Error) => error.name)).to.equal('AbortError')
        expect(await answersOf(server, 1)).to.deep.equal([['/1', 206]])
      })

      it('gives up at any time, of which events tell the end once', async () => {
        const server = await serve({
          kind,
          format: 'json',
          listener(asked, response) {
            if (asked.url === '/before') return
            response.writeHead(206)
            response.write('the beginning')
          },
        })
        const dispatcher = await agent()
        for (const path of ['/before', '/after']) {
          const controller = new AbortController()
          const { signal } = controller
          const arrivals = server.arrivals()
          const asked = request(`${server.origin}${path}`, { dispatcher, signal })
          if (path === '/after') await asked
          await waitFor('the request', () => server.arrivals() > arrivals)
          controller.abort()
          await asked.then(({ body }) => body.text()).catch(() => undefined)
        }
        await server.hasLines(4)
        await server.stop()
        const pairs = readEventPairs(server.lines)
        expect(
          pairs.map(({ request: { requestURI }, code, stages }) => [requestURI, code, stages]),
        ).to.deep.equal([
          ['/before', 499, ['RequestReceived', 'ResponseComplete']],
          ['/after', 206, ['RequestReceived', 'ResponseComplete']],
        ])
      })
    })
  }
})
