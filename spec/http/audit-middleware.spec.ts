import connect from 'connect'
import { expect } from 'chai'
import express, { type RequestHandler } from 'express'
import express4 from 'express4'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { AuditLog } from '../../lib/audit/audit-log.js'
import { auditMiddleware } from '../../lib/http/audit-middleware.js'
import { auditServer } from '../../lib/http/audit-server.js'
import type { AuditHttpOptions } from '../../lib/http/http-options.js'
import { openSession, openStream, RawClient, streamAnswer } from '../support/http-client.js'
import { HttpLog } from '../support/http-log.js'
import { stage } from '../support/http-play.js'
import { HTTP_SCENARIOS } from '../support/http-scenarios.js'
import { HTTP2, HTTPS, httpServers, type Listener } from '../support/http-servers.js'

type Next = (error?: unknown) => void
type Middleware = (request: IncomingMessage, response: ServerResponse, next: Next) => unknown

/** An app of a framework with these middlewares, one after another. */
type Framework = (...middlewares: readonly Middleware[]) => Listener

function withConnect(...middlewares: readonly Middleware[]): Listener {
  const app = connect()
  for (const middleware of middlewares) app.use((req, res, next) => void middleware(req, res, next))
  // Its own one does the same, and prints the error.
  const fail: connect.ErrorHandleFunction = (_error, _request, response, _next) => {
    response.statusCode = 500
    response.end()
  }
  return app.use(fail)
}

/** An app of Express, 4 or 5, that does not print errors. */
function withExpress(make: typeof express, middlewares: readonly Middleware[]): Listener {
  return make()
    .set('env', 'test')
    .use([...middlewares] as RequestHandler[]) as Listener
}

function withNothing(...middlewares: readonly Middleware[]): Listener {
  return (request, response) => {
    const callFrom = (index: number): void => {
      middlewares[index]?.(request, response, () => callFrom(index + 1))
    }
    callFrom(0)
  }
}

const frameworks: readonly [string, Framework][] = [
  ['Express 4', (...middlewares) => withExpress(express4, middlewares)],
  ['Express 5', (...middlewares) => withExpress(express, middlewares)],
  ['Connect', withConnect],
  ['no framework', withNothing],
]

describe('auditMiddleware', () => {
  const start = httpServers()

  /** Serves middlewares behind that of the audit, and asks once. */
  async function ask(
    framework: Framework,
    middlewares: readonly Middleware[],
    options: AuditHttpOptions = {},
  ): Promise<{ log: HttpLog; client: RawClient; stop: () => Promise<void> }> {
    const log = new HttpLog()
    const app = framework(auditMiddleware(new AuditLog(log), options), ...middlewares)
    const server = await start(await HTTPS.make(app))
    const client = await RawClient.open(server)
    client.ask()
    return { log, client, stop: () => server.stop() }
  }

  for (const [name, framework] of frameworks) {
    for (const scenario of HTTP_SCENARIOS) {
      if (scenario.version === 2) continue
      it(`logs what the client saw, with ${name}: ${scenario.name}`, async () => {
        const log = new HttpLog()
        const { listener, run } = stage(scenario, log)
        const app = framework(auditMiddleware(new AuditLog(log), { mode: 'batch' }), listener)
        await run(await start(await HTTPS.make(app)), 1)
      })
    }
  }

  for (const [name, framework] of frameworks.slice(0, 3)) {
    it(`logs the 500 of a handler that throws, with ${name}`, async () => {
      const failing: Middleware = () => {
        throw new Error('of the handler')
      }
      const { log, client } = await ask(framework, [failing])
      const [answer] = await client.answered()
      await log.answered(1)
      expect(answer?.code).to.equal(500)
      expect(log.codes()).to.deep.equal([500])
    })

    it(`logs the 404 of what nobody answers, with ${name}`, async () => {
      const { log, client } = await ask(framework, [])
      const [answer] = await client.answered()
      expect(answer?.code).to.equal(404)
      expect(log.codes()).to.deep.equal([404])
    })
  }

  it('logs the 500 of a handler that rejects, with Express 5', async () => {
    const { log, client } = await ask(frameworks[1]![1], [
      async () => {
        throw new Error('of the handler')
      },
    ])
    const [answer] = await client.answered()
    expect(answer?.code).to.equal(500)
    expect(log.codes()).to.deep.equal([500])
  })

  for (const [name, make] of frameworks) {
    it(`logs the code of a header that was sent before it, with ${name}`, async () => {
      const log = new HttpLog()
      const app = make(
        (_, response, next) => {
          response.writeHead(203)
          response.write('begun ')
          next()
        },
        auditMiddleware(new AuditLog(log)),
        (_, response) => response.end('and done'),
      )
      const client = await RawClient.open(await start(await HTTPS.make(app)))
      client.ask()
      const [answer] = await client.answered()
      expect(answer?.code).to.equal(203)
      await log.answered(1)
      expect(log.codes()).to.deep.equal([203])
    })
  }

  it('is rejected with what next is rejected with, once', async () => {
    const failures: unknown[] = []
    const middleware = auditMiddleware(new AuditLog(new HttpLog()))
    const app: Listener = async (request, response) => {
      try {
        const given: unknown = middleware(request, response, async () => {
          throw new Error('of what is next')
        })
        await given
      } catch (error) {
        failures.push(error)
        response.writeHead(503).end()
      }
    }
    const client = await RawClient.open(await start(await HTTPS.make(app)))
    client.ask()
    const [answer] = await client.answered()
    expect(answer?.code).to.equal(503)
    expect(failures.map(String)).to.deep.equal(['Error: of what is next'])
  })

  it('logs a response that was over before it, at once', async () => {
    const log = new HttpLog()
    const middleware = auditMiddleware(new AuditLog(log))
    const app: Listener = (request, response) => {
      response.on('finish', () => middleware(request, response, () => undefined))
      response.writeHead(204).end()
    }
    const client = await RawClient.open(await start(await HTTPS.make(app)))
    for (const count of [1, 2]) {
      client.ask()
      await client.answered(count)
      await log.answered(count)
    }
    expect(log.codes()).to.deep.equal([204, 204])
  })

  it('calls next without an argument, once', async () => {
    const calls: unknown[][] = []
    const middleware = auditMiddleware(new AuditLog(new HttpLog()))
    const app: Listener = (request, response) =>
      middleware(request, response, (...args) => {
        calls.push(args)
        response.end()
      })
    const client = await RawClient.open(await start(await HTTPS.make(app)))
    client.ask()
    await client.answered()
    expect(calls).to.deep.equal([[]])
  })

  it('takes the user that a middleware before it has set', async () => {
    const log = new HttpLog()
    const app = express()
    app.use((request, _, next) => {
      Object.assign(request, { user: { username: 'jane', groups: ['dev'] } })
      next()
    })
    app.use(auditMiddleware(new AuditLog(log, { format: '1.6' })))
    const client = await RawClient.open(await start(await HTTPS.make(app)))
    client.ask()
    await client.answered()
    const [pair] = log.pairs()
    expect(pair?.request).to.include({ user: 'jane' })
    expect(pair?.request.groups).to.deep.equal(['dev'])
  })

  for (const [name, make] of [
    ['Express 4', express4],
    ['Express 5', express],
    ['Connect', connect],
  ] as const) {
    it(`logs the whole target below a path too, with ${name}`, async () => {
      const log = new HttpLog()
      const audit = auditMiddleware(new AuditLog(log))
      const app = make() as ReturnType<typeof connect>
      app.use('/api/v1', audit)
      app.use((_, response) => response.end())
      const client = await RawClient.open(await start(await HTTPS.make(app)))
      const path = '/api/v1/namespaces/mine/pods?token=secret'
      client.ask({ path })
      await client.answered()
      expect(log.pairs()[0]?.request).to.include({
        uri: path.replace('secret', 'REDACTED'),
        namespace: 'mine',
      })
    })
  }

  it('logs once what comes by it again, and by auditServer too, with the same log', async () => {
    const log = new HttpLog()
    const audit = new AuditLog(log)
    const app = express()
    app.use(auditMiddleware(audit), auditMiddleware(audit))
    app.use((_, response) => void response.status(202).end())
    const server = auditServer(audit, await HTTPS.make(app as Listener))
    const client = await RawClient.open(await start(server))
    client.ask()
    const [answer] = await client.answered()
    const [pair] = log.pairs()
    expect(log.codes()).to.deep.equal([202])
    expect(answer?.headers['audit-id']).to.equal(pair?.request.id)
  })

  it('logs once in each of two logs', async () => {
    const logs = [new HttpLog(), new HttpLog()] as const
    const app = express()
    app.use(auditMiddleware(new AuditLog(logs[1])))
    app.use((_, response) => void response.status(202).end())
    const server = auditServer(new AuditLog(logs[0]), await HTTPS.make(app as Listener))
    const client = await RawClient.open(await start(server))
    client.ask()
    await client.answered()
    expect(logs.map(log => log.codes())).to.deep.equal([[202], [202]])
  })

  for (const { name, make, version } of [HTTPS, HTTP2]) {
    it(`logs a request whose client left before it came here, on ${name}`, async () => {
      const log = new HttpLog()
      const middleware = auditMiddleware(new AuditLog(log))
      let entered = false
      let reached: () => void = () => undefined
      const here = new Promise<void>(resolve => (reached = resolve))
      const app: Listener = async (request, response) => {
        reached()
        await new Promise(resolve => response.once('close', resolve))
        middleware(request, response, () => (entered = true))
      }
      const server = await start(await make(app))
      if (version === 1) {
        const client = await RawClient.open(server)
        client.ask()
        await here
        await client.leave()
      } else {
        const session = await openSession(server)
        const stream = openStream(session)
        const answer = streamAnswer(stream)
        await here
        stream.close(8)
        await answer
        session.destroy()
      }
      await log.answered(1)
      expect(log.codes()).to.deep.equal([499])
      expect(entered).to.equal(false)
    })
  }
})
