import { once } from 'node:events'
import https from 'node:https'
import type { IncomingMessage } from 'node:http'
import { expect } from 'chai'
import { AuditLog } from '../../lib/audit/audit-log.js'
import { parseLine } from '../../lib/audit/parsed-line.js'
import { auditHandler } from '../../lib/http/audit-handler.js'
import { HttpAudit } from '../../lib/http/http-audit.js'
import type { AuditHttpOptions } from '../../lib/http/http-options.js'
import { httpCertificates } from '../support/http-certificates.js'
import { openSession, openStream, RawClient, streamAnswer } from '../support/http-client.js'
import { HttpLog } from '../support/http-log.js'
import { HTTPS, httpServers, SERVER_KINDS, type Listener } from '../support/http-servers.js'
import { waitFor } from '../support/run-program.js'

type Options = AuditHttpOptions<IncomingMessage>

/** What `user` may do wrong, and what is right. */
const users: readonly [string, Options['user'], string | undefined, number][] = [
  ['a name', () => 'jane', 'jane', 0],
  ['a name, later', async () => 'jane', 'jane', 0],
  ['a user', () => ({ name: 'jane', groups: ['dev'] }), 'jane', 0],
  ['nothing', () => undefined, undefined, 0],
  ['nothing, later', async () => null, undefined, 0],
  ['an error that it throws', () => expect.fail('of user'), undefined, 1],
  ['an error that it rejects with', () => Promise.reject(new Error('of user')), undefined, 1],
  ['a number', () => 42 as never, undefined, 1],
  ['a number, later', async () => 42 as never, undefined, 1],
  ['an object without a name', () => ({ groups: ['dev'] }) as never, undefined, 1],
  ['groups that are numbers', () => ({ name: 'jane', groups: [1] }) as never, undefined, 1],
  ['a name that is empty', () => '', undefined, 1],
]

const namespaces: readonly [
  string,
  NonNullable<Options['namespace']>,
  string | undefined,
  number,
][] = [
  ['a text', () => 'mine', 'mine', 0],
  ['nothing', () => undefined, undefined, 0],
  ['an error', () => expect.fail('of namespace'), undefined, 1],
  ['a promise that is rejected', (async () => expect.fail('of it')) as never, undefined, 1],
  ['a number', () => 42 as never, undefined, 1],
  ['a promise', (async () => 'mine') as never, undefined, 1],
]

describe('HttpAudit', () => {
  const start = httpServers()

  interface Audited {
    readonly log: HttpLog
    readonly audit: AuditLog
    readonly connect: () => Promise<RawClient>
    readonly port: number
  }

  async function serve(options: Options = {}, listener?: Listener): Promise<Audited> {
    const log = new HttpLog()
    const audit = new AuditLog(log, { format: '1.6' })
    const handler = auditHandler(audit, listener ?? ((_, response) => response.end('x')), options)
    const server = await start(await HTTPS.make(handler))
    return { log, audit, connect: () => RawClient.open(server), port: server.port }
  }

  for (const mode of ['blocking', 'blocking-strict', 'batch'] as const) {
    for (const [what, user, name, errors] of users) {
      it(`takes from user, in mode ${mode}: ${what}`, async () => {
        const { log, audit, connect } = await serve({ mode, user })
        const client = await connect()
        client.ask()
        const [answer] = await client.answered()
        const isRefused = errors > 0 && mode === 'blocking-strict'
        expect(answer?.code).to.equal(isRefused ? 500 : 200)
        const [pair] = log.pairs()
        expect(pair?.request.user).to.equal(name)
        expect(log.codes()).to.deep.equal([isRefused ? 500 : 200])
        const rejectedRequests = isRefused ? 1 : 0
        expect(audit.stats()).to.deep.equal({ events: 2, errors, rejectedRequests })
      })
    }
  }

  for (const [what, namespace, name, errors] of namespaces) {
    it(`takes from namespace: ${what}`, async () => {
      const { log, audit, connect } = await serve({ namespace })
      const client = await connect()
      client.ask({ path: '/api/v1/namespaces/theirs/pods' })
      const [answer] = await client.answered()
      expect(answer?.code).to.equal(200)
      expect(log.pairs()[0]?.request.namespace).to.equal(name)
      expect(audit.stats()).to.deep.equal({ events: 2, errors, rejectedRequests: 0 })
    })
  }

  it('takes the namespace of Kubernetes from the path by default', async () => {
    const { log, connect } = await serve()
    const client = await connect()
    client.ask({ path: '/api/v1/namespaces/theirs/pods' })
    await client.answered()
    expect(log.pairs()[0]?.request.namespace).to.equal('theirs')
  })

  it('takes the user and groups from a verified certificate by default', async () => {
    const { log, port } = await serve()
    const { ca, jane } = await httpCertificates()
    const request = https.get({ host: '127.0.0.1', port, ca, ...jane, agent: false })
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    response.resume()
    await once(response, 'end')
    const [pair] = log.pairs()
    expect(pair?.request.user).to.equal('jane')
    expect(pair?.request.groups).to.deep.equal(['dev', 'ops'])
    expect(response.headers['audit-id']).to.equal(pair?.request.id)
  })

  it('writes all that is known of a request', async () => {
    const { log, connect } = await serve({ trustProxy: ['127.0.0.1'] })
    const client = await connect()
    client.ask({
      method: 'DELETE',
      path: '/pods?token=secret',
      headers: {
        'X-Forwarded-For': '192.0.2.7',
        'Impersonate-User': 'joe',
        'Impersonate-Group': 'dev',
      },
    })
    await client.answered()
    const [pair] = log.pairs()
    expect(pair?.request).to.include({
      ip: '192.0.2.7',
      method: 'DELETE',
      as: 'joe',
      uri: '/pods?token=REDACTED',
    })
    expect(pair?.request.asGroups).to.deep.equal(['dev'])
  })

  it('writes the request line before the handler runs, and waits for it', async () => {
    let entered = 0
    const { log, connect } = await serve({}, (_, response) => {
      entered++
      expect(log.lines).to.have.lengthOf(1)
      response.end()
    })
    log.hold()
    const client = await connect()
    client.ask()
    await waitFor('a line', () => log.waiting === 1)
    await new Promise(setImmediate)
    expect(entered).to.equal(0)
    log.release()
    await client.answered()
    expect(entered).to.equal(1)
    expect(log.codes()).to.deep.equal([200])
  })

  it('does not wait for it in mode batch', async () => {
    const { log, connect } = await serve({ mode: 'batch' })
    log.hold()
    const client = await connect()
    client.ask()
    const [answer] = await client.answered()
    expect(answer?.code).to.equal(200)
    expect(log.waiting).to.equal(0)
  })

  const moments: readonly [string, Options, (log: HttpLog) => void][] = [
    ['user is asked', { user: () => new Promise(() => undefined) }, () => undefined],
    ['the log is waited for', {}, log => log.hold()],
  ]
  for (const [what, options, prepare] of moments) {
    it(`has no handler for a client that leaves while ${what}`, async () => {
      let entered = 0
      let asked = 0
      const user =
        options.user && ((request: IncomingMessage) => (asked++, options.user?.(request)))
      const { log, connect } = await serve({ ...options, user }, () => entered++)
      prepare(log)
      const client = await connect()
      client.ask()
      await waitFor('the request', () => asked + log.waiting === 1)
      await client.leave()
      await log.answered(1)
      log.release()
      await new Promise(setImmediate)
      expect(log.codes()).to.deep.equal([499])
      expect(log.pairs()[0]?.request.user).to.equal(undefined)
      expect(entered).to.equal(0)
    })
  }

  it('writes nothing more when user answers after the client has gone', async () => {
    let tell: (name: string) => void = () => undefined
    let asked = 0
    const user = (): Promise<string> => {
      asked++
      return new Promise<string>(resolve => (tell = resolve))
    }
    const { log, audit, connect } = await serve({ user, mode: 'blocking-strict' })
    const client = await connect()
    client.ask()
    await waitFor('the request', () => asked === 1)
    await client.leave()
    await log.answered(1)
    tell('jane')
    await new Promise(setImmediate)
    expect(log.codes()).to.deep.equal([499])
    expect(audit.stats()).to.deep.equal({ events: 2, errors: 0, rejectedRequests: 0 })
  })

  const ids: readonly [string, string, 'taken' | 'not taken'][] = [
    ['one character', 'x', 'taken'],
    ['128 characters', 'x'.repeat(128), 'taken'],
    ['all visible ASCII', '!"#$%&\'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~', 'taken'],
    ['129 characters', 'x'.repeat(129), 'not taken'],
    ['a space', 'a b', 'not taken'],
    ['a tab', 'a\tb', 'not taken'],
    ['a byte beyond ASCII', 'a\u00e9', 'not taken'],
    ['nothing', '', 'not taken'],
  ]
  for (const [what, id, status] of ids) {
    it(`with acceptAuditId: ${what} is ${status}`, async () => {
      const { log, connect } = await serve({ acceptAuditId: true })
      const client = await connect()
      client.ask({ headers: { 'Audit-ID': id } })
      const [answer] = await client.answered()
      const [pair] = log.pairs()
      if (status === 'taken') expect(pair?.request.id).to.equal(id)
      else expect(pair?.request.id).to.match(/^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/)
      expect(answer?.headers['audit-id']).to.equal(pair?.request.id)
    })
  }

  it('takes no id of a client that another open request has', async () => {
    const listener: Listener = (request, response) => {
      if (request.url !== '/held') response.end('x')
    }
    const { log, connect } = await serve({ acceptAuditId: true }, listener)
    const clients = [await connect(), await connect()]
    clients[0]?.ask({ path: '/held', headers: { 'Audit-ID': 'same' } })
    await waitFor('the first line', () => log.lines.length === 1)
    clients[1]?.ask({ headers: { 'Audit-ID': 'same' } })
    await log.answered(1)
    const [first, second] = log.lines.map(line => parseLine(line))
    expect(first).to.include({ kind: 'request', id: 'same' })
    expect(second).to.include({ kind: 'request' }).and.not.include({ id: 'same' })
  })

  it('makes an id of its own by default', async () => {
    const { log, connect } = await serve()
    const client = await connect()
    client.ask({ headers: { 'Audit-ID': 'mine' } })
    await client.answered()
    expect(log.pairs()[0]?.request.id).to.match(/^[\da-f]{8}-/)
  })

  it('refuses what is no AuditLog, and wrong options', () => {
    const audit = new AuditLog(new HttpLog())
    for (const wrong of [undefined, null, {}, new HttpLog()]) {
      expect(() => new HttpAudit(wrong as never)).to.throw(TypeError, 'audit: expected an AuditLog')
    }
    expect(() => new HttpAudit(audit, { mode: 'x' as never })).to.throw(TypeError, 'option mode')
  })
})

describe('HttpAudit, of connections without TLS', () => {
  const start = httpServers()
  const warnings: string[] = []
  const emitWarning = process.emitWarning.bind(process)
  beforeEach(() => {
    warnings.length = 0
    process.emitWarning = (warning: string | Error) => void warnings.push(String(warning))
  })
  afterEach(() => {
    process.emitWarning = emitWarning
  })

  for (const { name, make, transport, version } of SERVER_KINDS) {
    it(`logs ${transport === 'TLS' ? 'as ever' : 'nothing, and warns once'}, on ${name}`, async () => {
      const log = new HttpLog()
      const listener: Listener = (_, response) => response.end('x')
      const server = await start(await make(auditHandler(new AuditLog(log), listener)), transport)
      const ids: unknown[] = []
      for (let count = 0; count < 3; count++) {
        if (version === 1) {
          const client = await RawClient.open(server)
          client.ask()
          const [answer] = await client.answered()
          ids.push(answer?.headers['audit-id'])
        } else {
          const session = await openSession(server)
          const answer = await streamAnswer(openStream(session))
          ids.push(answer.headers['audit-id'])
          session.destroy()
        }
      }
      const isLogged = transport === 'TLS'
      expect(log.codes()).to.deep.equal(isLogged ? [200, 200, 200] : [])
      expect(ids.filter(id => id !== undefined)).to.have.lengthOf(isLogged ? 3 : 0)
      expect(warnings.filter(text => text.startsWith('rollkeeper/http'))).to.have.lengthOf(
        isLogged ? 0 : 1,
      )
    })
  }

  it('warns of the first failure of each function, whatever it throws', async () => {
    const log = new HttpLog()
    const thrown: unknown[] = [Object.create(null), new Error('no directory'), undefined]
    const fail = (): never => {
      throw thrown.pop()
    }
    const options = { user: fail, namespace: fail }
    const listener: Listener = (_, response) => response.end('x')
    const handler = auditHandler(new AuditLog(log), listener, options)
    const client = await RawClient.open(await start(await HTTPS.make(handler)))
    for (let count = 1; count <= 2; count++) {
      client.ask()
      await client.answered(count)
    }
    const told = warnings.filter(text => text.startsWith('rollkeeper/http'))
    expect(told).to.have.lengthOf(2)
    expect(told[0]).to.match(/: namespace\(request\) failed \(undefined\)\. /)
    expect(told[1]).to.match(/: user\(request\) failed \(no directory\)\. /)
    expect(log.codes()).to.deep.equal([200, 200])
  })

  it('warns once for each wrapper', async () => {
    const audit = new AuditLog(new HttpLog())
    for (let count = 0; count < 2; count++) {
      const [plain] = SERVER_KINDS
      const server = await plain!.make(auditHandler(audit, (_, response) => response.end('x')))
      const client = await RawClient.open(await start(server, 'plain'))
      client.ask()
      await client.answered()
    }
    expect(warnings).to.have.lengthOf(2)
  })
})
