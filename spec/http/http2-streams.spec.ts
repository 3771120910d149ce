import type { Http2ServerResponse, Http2Session, ServerHttp2Stream } from 'node:http2'
import type { ServerResponse } from 'node:http'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import fs from 'fs-extra'
import { AuditLog } from '../../lib/audit/audit-log.js'
import { auditHandler } from '../../lib/http/audit-handler.js'
import { openSession, openStream, streamAnswer } from '../support/http-client.js'
import { HttpLog } from '../support/http-log.js'
import { HTTP2, httpServers } from '../support/http-servers.js'
import { untilGone } from '../support/http-scenarios.js'
import { waitFor } from '../support/run-program.js'

const THIS_FILE = fileURLToPath(import.meta.url)
const CANCEL = 8

type Answer = (response: Http2ServerResponse, stream: ServerHttp2Stream, path: string) => unknown

describe('streams of HTTP/2', () => {
  const start = httpServers()

  async function serve(answer: Answer): Promise<{
    log: HttpLog
    session: Awaited<ReturnType<typeof openSession>>
    serverSessions: Http2Session[]
  }> {
    const log = new HttpLog()
    const handler = auditHandler(new AuditLog(log), (request, response: ServerResponse) => {
      const compatible = response as unknown as Http2ServerResponse
      return answer(compatible, compatible.stream, request.url ?? '')
    })
    const server = await HTTP2.make(handler)
    const serverSessions: Http2Session[] = []
    server.on('session', (session: Http2Session) => serverSessions.push(session))
    const session = await openSession(await start(server))
    return { log, session, serverSessions }
  }

  it('are logged each with its code, many at a time', async () => {
    const { log, session } = await serve((response, _, path) => {
      setImmediate(() => response.writeHead(Number(path.slice(1))).end('x'))
    })
    const codes = Array.from({ length: 200 }, (_, index) => 200 + index)
    const answers = codes.map(code => streamAnswer(openStream(session, { path: `/${code}` })))
    const seen = (await Promise.all(answers)).map(({ code }) => code)
    session.destroy()
    expect(seen).to.deep.equal(codes)
    await log.answered(codes.length)
    const logged = log.pairs().map(({ request, code }) => `${String(request.uri)} ${code}`)
    expect(logged.sort()).to.deep.equal(codes.map(code => `/${code} ${code}`))
  })

  const resets: readonly [string, number, Answer][] = [
    ['before the header', 499, (_, stream) => stream.close(CANCEL)],
    [
      'after the header',
      200,
      (response, stream) => {
        response.write('x')
        stream.close(CANCEL)
      },
    ],
    ['by an error', 499, (_, stream) => stream.destroy(new Error('of the handler'))],
  ]
  for (const [what, code, answer] of resets) {
    it(`are logged with ${code} if the server resets them ${what}`, async () => {
      const { log, session } = await serve((response, stream, path) => {
        stream.on('error', () => undefined)
        return answer(response, stream, path)
      })
      await streamAnswer(openStream(session))
      await log.answered(1)
      session.destroy()
      expect(log.codes()).to.deep.equal([code])
    })
  }

  for (const way of ['destroyed by the server', 'destroyed by the client', 'cut off'] as const) {
    it(`are logged when their session is ${way}: with a code where there was a header`, async () => {
      let open = 0
      const { log, session, serverSessions } = await serve((response, _, path) => {
        open++
        if (path === '/header') response.write('x')
      })
      const heard = openStream(session, { path: '/header' })
      const answers = [streamAnswer(heard), streamAnswer(openStream(session, { path: '/none' }))]
      let code: unknown
      heard.on('response', headers => (code = headers[':status']))
      await waitFor('a header', () => code === 200 && open === 2)
      if (way === 'destroyed by the server') serverSessions[0]?.destroy()
      else if (way === 'destroyed by the client') session.destroy()
      else serverSessions[0]?.socket.destroySoon()
      await Promise.all(answers)
      await log.answered(2)
      expect(log.codes()).to.deep.equal([200, 499])
    })
  }

  it('go on after GOAWAY, and are logged with what comes of them', async () => {
    const waiting: Http2ServerResponse[] = []
    const { log, session, serverSessions } = await serve(response => waiting.push(response))
    const answer = streamAnswer(openStream(session))
    await waitFor('a request', () => waiting.length === 1)
    serverSessions[0]?.goaway()
    serverSessions[0]?.close()
    waiting[0]?.writeHead(203).end()
    expect(await answer).to.include({ code: 203 })
    expect(log.codes()).to.deep.equal([203])
  })

  it('are logged when they are answered without the compatibility API', async () => {
    const { log, session } = await serve((_, stream) => {
      stream.respond({ ':status': 203 })
      stream.end('x')
    })
    expect(await streamAnswer(openStream(session))).to.include({ code: 203, body: 'x' })
    session.destroy()
    expect(log.codes()).to.deep.equal([203])
  })

  it('are logged when they are answered by a file', async () => {
    const { log, session } = await serve((_, stream) => {
      stream.respondWithFile(THIS_FILE, { ':status': 203 })
    })
    const { code, body } = await streamAnswer(openStream(session))
    await log.answered(1)
    session.destroy()
    expect(code).to.equal(203)
    expect(body).to.include('THIS_FILE')
    expect(log.codes()).to.deep.equal([203])
  })

  it('are logged when they are answered by a descriptor', async () => {
    const fd = fs.openSync(THIS_FILE, 'r')
    const { log, session } = await serve((_, stream) => {
      stream.respondWithFD(fd, { ':status': 206 })
    })
    const { code } = await streamAnswer(openStream(session))
    session.destroy()
    fs.closeSync(fd)
    expect(code).to.equal(206)
    expect(log.codes()).to.deep.equal([206])
  })

  it('are logged with 499 if a file that answers is not there, and nobody does instead', async () => {
    const { log, session } = await serve((_, stream) => {
      stream.on('error', () => undefined)
      stream.respondWithFile(`${THIS_FILE}.none`)
    })
    const { code } = await streamAnswer(openStream(session))
    await log.answered(1)
    session.destroy()
    expect(code).to.equal(undefined)
    expect(log.codes()).to.deep.equal([499])
  })

  it('are logged without those that the server pushes', async () => {
    const { log, session } = await serve(response => {
      response.createPushResponse({ ':path': '/pushed' }, (_, pushed) => {
        pushed.writeHead(201).end('pushed')
        response.writeHead(203).end('asked')
      })
    })
    const pushed: unknown[] = []
    session.on('stream', stream => {
      stream.on('push', headers => pushed.push(headers[':status'])).resume()
    })
    expect(await streamAnswer(openStream(session))).to.include({ code: 203, body: 'asked' })
    await waitFor('the push', () => pushed.length === 1)
    session.destroy()
    expect(pushed).to.deep.equal([201])
    expect(log.codes()).to.deep.equal([203])
  })

  it('have no handler if their client leaves before', async () => {
    let entered = 0
    const { log, session } = await serve(() => entered++)
    log.hold()
    const stream = openStream(session)
    const answer = streamAnswer(stream)
    await waitFor('a line', () => log.waiting === 1)
    stream.close(CANCEL)
    await answer
    await log.answered(1)
    log.release()
    session.destroy()
    expect(log.codes()).to.deep.equal([499])
    expect(entered).to.equal(0)
  })

  it('may still be written to when their client is gone', async () => {
    const { log, session } = await serve(async response => {
      await untilGone(response as unknown as ServerResponse)
      response.writeHead(200)
      response.end('x')
    })
    const stream = openStream(session)
    const answer = streamAnswer(stream)
    await waitFor('a line', () => log.lines.length === 1)
    stream.close(CANCEL)
    await answer
    await log.answered(1)
    session.destroy()
    expect(log.codes()).to.deep.equal([499])
  })
})
