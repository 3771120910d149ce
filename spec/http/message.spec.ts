import type { IncomingMessage, ServerResponse } from 'node:http'
import { expect } from 'chai'
import { isHttp2Request, isHttp2Response, isSecure, targetOf } from '../../lib/http/message.js'
import { openSession, openStream, RawClient, streamAnswer } from '../support/http-client.js'
import { httpServers, SERVER_KINDS, type ServerKind } from '../support/http-servers.js'

describe('a message', () => {
  const start = httpServers()

  /** Asks a server of some kind, and reads the request by one of the functions. */
  async function read<Answer>(
    { make, transport, version }: ServerKind,
    how: (request: IncomingMessage, response: ServerResponse) => Answer,
  ): Promise<Answer | undefined> {
    let answer: Answer | undefined
    const server = await make((request, response) => {
      answer = how(request, response)
      response.end()
    })
    const running = await start(server, transport)
    const question = { path: '/a%20b?c' }
    if (version === 1) {
      const client = await RawClient.open(running)
      client.ask(question)
      await client.answered()
    } else {
      const session = await openSession(running)
      await streamAnswer(openStream(session, question))
      session.destroy()
    }
    return answer
  }

  for (const kind of SERVER_KINDS) {
    it(`tells HTTP/2 from HTTP/1, and TLS from none, on ${kind.name}`, async () => {
      const known = await read(kind, (request, response) => ({
        request: isHttp2Request(request),
        response: isHttp2Response(response),
        socket: isHttp2Response(request.socket),
        secure: isSecure(request),
        target: targetOf(request),
      }))
      expect(known).to.deep.equal({
        request: kind.version === 2,
        response: kind.version === 2,
        socket: false,
        secure: kind.transport === 'TLS',
        target: '/a%20b?c',
      })
    })
  }

  it('has its authority for a target where HTTP/2 has no path', () => {
    const connect = { httpVersionMajor: 2, url: undefined, authority: 'example.org:443' }
    expect(targetOf(connect as never)).to.equal('example.org:443')
  })

  it('has the target that came where a framework has cut it', () => {
    const cut = { httpVersionMajor: 1, url: '/pods', originalUrl: '/api/v1/pods' }
    expect(targetOf(cut as never)).to.equal('/api/v1/pods')
  })

  it('counts as secure where its stream is gone, and nobody knows', () => {
    const gone = { httpVersionMajor: 2, stream: { session: undefined } }
    expect(isSecure(gone as never)).to.equal(true)
  })
})
