import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import type { HttpAnswer } from './http-answer.js'
import type { Question } from './http-client.js'

/** What a handler can do besides answering. */
export interface Scene {
  /** Lets the client leave, and resolves when the server knows of it. */
  dismiss(response: ServerResponse): Promise<void>
  /** Resolved when the client has heard the header. */
  heard(): Promise<void>
  /** Resolved when the log has the line of the response. */
  logged(): Promise<void>
}

/** A request, how it is answered, and what the client sees of it. */
export interface HttpScenario {
  readonly name: string
  readonly question?: Question
  handle(request: IncomingMessage, response: ServerResponse, scene: Scene): unknown
  /** What the client sees; undefined: nothing. */
  readonly code: number | undefined
  /** Only where HTTP has this version. */
  readonly version?: 1 | 2
  /** Where the handler does without the response, the client does not learn the id. */
  readonly id?: 'not echoed'
  /** What more is expected of the answer. */
  expect?(answer: HttpAnswer): void
}

const FORGED = 'HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n'

/** Handlers that answer in one way or another, and in full. */
const answering: readonly HttpScenario[] = [
  {
    name: 'an explicit 200',
    code: 200,
    handle: (_, response) => response.writeHead(200, { 'content-type': 'text/plain' }).end('x'),
  },
  { name: 'an implicit 200, by end', code: 200, handle: (_, response) => response.end('x') },
  {
    name: 'an implicit 200, by write',
    code: 200,
    handle: (_, response) => {
      response.write('x')
      response.end('y')
    },
    expect: ({ body }) => expect(body).to.equal('xy'),
  },
  {
    name: 'a status that was set before',
    code: 404,
    handle: (_, response) => {
      response.statusCode = 404
      response.end()
    },
  },
  {
    name: 'headers in an array',
    code: 203,
    handle: (_, response) => response.writeHead(203, ['x-one', '1', 'x-two', '2']).end(),
    version: 1,
  },
  { name: 'a code of nobody', code: 599, handle: (_, response) => response.writeHead(599).end() },
  {
    name: 'writeHead twice, of which the second throws',
    code: 202,
    handle: (_, response) => {
      response.writeHead(202)
      expect(() => response.writeHead(500)).to.throw(/headers|initiated/)
      response.end()
    },
  },
  {
    name: 'what the handler writes to the socket itself',
    version: 1,
    code: 418,
    id: 'not echoed',
    handle: (_, response) => {
      response.socket?.end('HTTP/1.1 418 x\r\nContent-Length: 0\r\n\r\n')
    },
  },
  {
    name: 'a message, and trailers',
    version: 1,
    code: 226,
    handle: (_, response) => {
      response.writeHead(226, 'as it were', { trailer: 'x-sum' })
      response.write('x')
      response.addTrailers({ 'x-sum': '1' })
      response.end()
    },
  },
  { name: '204', code: 204, handle: (_, response) => response.writeHead(204).end() },
  { name: '304', code: 304, handle: (_, response) => response.writeHead(304).end() },
  {
    name: 'HEAD',
    code: 200,
    question: { method: 'HEAD' },
    handle: (_, response) => response.writeHead(200, { 'content-length': '5' }).end(),
  },
  {
    name: 'a body that was read',
    code: 201,
    question: { method: 'POST', body: 'question' },
    handle: async (request, response) => {
      const body = await text(request)
      response.writeHead(201).end(body)
    },
    expect: ({ body }) => expect(body).to.equal('question'),
  },
  {
    name: 'a body through a pipe',
    code: 200,
    handle: (_, response) => Readable.from(Array(64).fill('x'.repeat(16_384))).pipe(response),
    expect: ({ body }) => expect(body).to.have.lengthOf(64 * 16_384),
  },
]

/** What comes before the final code, or looks like it. */
const misleading: readonly HttpScenario[] = [
  {
    name: '100 and 103 before the final code',
    code: 206,
    handle: (_, response) => {
      response.writeContinue()
      response.writeEarlyHints({ link: '</x.css>; rel=preload' })
      response.writeHead(206).end()
    },
    expect: ({ interim }) => expect(interim).to.deep.equal([100, 103]),
  },
  {
    name: '102 before the final code',
    version: 1,
    code: 503,
    handle: (_, response) => {
      response.writeProcessing()
      response.writeHead(503).end()
    },
    expect: ({ interim }) => expect(interim).to.deep.equal([102]),
  },
  {
    name: 'expect: 100-continue',
    question: { method: 'PUT', headers: { expect: '100-continue' }, body: 'x' },
    code: 200,
    handle: async (request, response) => response.end(await text(request)),
    expect: ({ interim }) => expect(interim).to.deep.equal([100]),
  },
  {
    name: 'a body that looks like a header',
    code: 200,
    handle: (_, response) => {
      response.writeHead(200, { 'content-length': String(2 * FORGED.length) })
      response.write(FORGED)
      response.end(FORGED)
    },
  },
  {
    name: 'a body that looks like a header, alone in its write',
    code: 200,
    handle: async (_, response, scene) => {
      response.writeHead(200, { 'content-length': String(FORGED.length) }).flushHeaders()
      await scene.heard()
      response.end(Buffer.from(FORGED))
    },
  },
]

/** Answers that take long, or never end. */
const unfinished: readonly HttpScenario[] = [
  {
    name: 'a streamed body, logged while it goes on',
    code: 200,
    handle: async (_, response, scene) => {
      response.write('first\n')
      await scene.logged()
      expect(response.writableEnded).to.equal(false)
      response.end('last\n')
    },
    expect: ({ body }) => expect(body).to.equal('first\nlast\n'),
  },
  {
    name: 'a watch, logged when only its header is sent',
    question: { path: '/api/v1/pods?watch=true' },
    code: 200,
    handle: async (_, response, scene) => {
      response.flushHeaders()
      await scene.logged()
      response.end('an event\n')
    },
  },
  {
    // Node sends a header of HTTP/1 with the first piece of the body, that of HTTP/2 at once.
    name: 'a header that was never sent',
    version: 1,
    code: undefined,
    handle: async (_, response, scene) => {
      response.writeHead(200)
      await scene.dismiss(response)
    },
  },
  {
    name: 'a client that leaves before the header',
    code: undefined,
    handle: (_, response, scene) => scene.dismiss(response),
  },
  {
    name: 'a client that leaves after the header',
    code: 200,
    handle: async (_, response, scene) => {
      response.writeHead(200)
      response.flushHeaders()
      await scene.heard()
      await scene.dismiss(response)
    },
  },
  {
    name: 'a client that leaves in the midst of the body',
    code: 200,
    handle: async (_, response, scene) => {
      response.write('x')
      await scene.heard()
      await scene.dismiss(response)
      response.end('y')
    },
  },
  {
    name: 'a response that is destroyed before its header',
    code: undefined,
    handle: (_, response) => response.destroy(),
  },
  {
    name: 'a response that is destroyed after its header',
    code: 200,
    handle: async (_, response, scene) => {
      response.write('x')
      await scene.heard()
      response.destroy()
    },
  },
]

/** All scenarios. They go for whatever kind of server there is. */
export const HTTP_SCENARIOS: readonly HttpScenario[] = [...answering, ...misleading, ...unfinished]

/** Resolved when the server knows that the client of a response has gone. */
export async function untilGone(response: ServerResponse): Promise<void> {
  if (!response.closed) await once(response, 'close')
}
