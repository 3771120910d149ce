import { expect } from 'chai'
import { once } from 'node:events'
import * as http2 from 'node:http2'
import { createServer } from 'node:https'
import { connect as connectPlain, createServer as createPlainServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { connect, createServer as createTlsServer } from 'node:tls'
import type { ConnectionOptions, TLSSocket, TlsOptions } from 'node:tls'
import { makeAuthority } from '../../docs/examples/certificates.js'
import type { Authority, Certificate } from '../../docs/examples/certificates.js'
import { certificateUser, requestSocket, requestUser } from '../../lib/http/authenticated-user.js'
import type { AuditUser, ConnectedRequest } from '../../lib/http/authenticated-user.js'

describe('certificateUser', () => {
  const closing: (() => unknown)[] = []

  afterEach(async () => {
    for (const close of closing.splice(0).toReversed()) await close()
  })

  /** Lets a server listen until the end of the test. */
  async function listening(server: Server): Promise<number> {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    closing.push(() => server.close())
    return (server.address() as AddressInfo).port
  }

  let authority: Authority
  let serverCertificate: Certificate
  let options: TlsOptions

  before(async () => {
    authority = await makeAuthority()
    serverCertificate = await authority.server()
    const ca = authority.cert
    options = { ...serverCertificate, ca, requestCert: true, rejectUnauthorized: false }
  })

  /** Connects once, and gives what the server has, and a session by which it can be resumed. */
  async function connected(
    serverOptions: TlsOptions,
    clientOptions: ConnectionOptions = {},
  ): Promise<TLSSocket> {
    const server = createTlsServer(serverOptions)
    const port = await listening(server)
    return connectedTo(server, port, clientOptions)
  }

  async function connectedTo(
    server: Server,
    port: number,
    clientOptions: ConnectionOptions,
  ): Promise<TLSSocket> {
    const ca = authority.cert
    const client = connect({ port, host: '127.0.0.1', ca, ...clientOptions })
    client.on('error', () => {})
    const [socket] = (await once(server, 'secureConnection')) as [TLSSocket]
    closing.push(() => {
      client.destroy()
      socket.destroy()
    })
    return socket
  }

  it('takes the common name for the user and the organizations for the groups', async () => {
    const client = await authority.client('jane', ['system:masters', 'dev'])
    const socket = await connected(options, client)
    const user = { name: 'jane', groups: ['system:masters', 'dev'] }
    expect(certificateUser(socket)).to.deep.equal(user)
    expect(certificateUser(socket)).to.equal(certificateUser(socket))
  })

  it('keeps names as they are, whatever is in them', async () => {
    const name = 'é日 /CN=root, O="x"+\\;<>#= '
    const groups = [' a, O=b ', '#c', 'CN=root', 'dé']
    const socket = await connected(options, await authority.client(name, groups))
    expect(certificateUser(socket)).to.deep.equal({ name, groups })
  })

  it('gives one who is in no group no groups', async () => {
    const socket = await connected(options, await authority.client('jane'))
    expect(certificateUser(socket)).to.deep.equal({ name: 'jane' })
  })

  it('knows nobody without a certificate', async () => {
    expect(certificateUser(await connected(options))).to.equal(undefined)
  })

  it('knows nobody whose certificate another authority has made', async () => {
    const other = await makeAuthority()
    const socket = await connected(options, await other.client('root', ['system:masters']))
    expect(socket.getPeerCertificate().subject.CN).to.equal('root')
    expect(certificateUser(socket)).to.equal(undefined)
  })

  it('knows nobody whose certificate was not asked for', async () => {
    const asked = { ...options, requestCert: false }
    const socket = await connected(asked, await authority.client('jane'))
    expect(certificateUser(socket)).to.equal(undefined)
  })

  it('knows nobody on a resumed connection that never showed a certificate', async () => {
    const server = createTlsServer(options, socket => void socket.end('x'))
    const port = await listening(server)
    const first = connect({ port, host: '127.0.0.1', ca: authority.cert })
    const [session] = (await once(first.resume(), 'session')) as [Buffer]
    first.destroy()
    const socket = await connectedTo(server, port, { session })
    expect(socket.isSessionReused()).to.equal(true)
    // Up to Node 22, which makes it dangerous to look at `authorized` only.
    if (Number.parseInt(process.versions.node) < 24) expect(socket.authorized).to.equal(true)
    expect(certificateUser(socket)).to.equal(undefined)
  })

  it('knows again who resumes a connection with a certificate', async () => {
    const server = createTlsServer(options, socket => void socket.end('x'))
    const port = await listening(server)
    const client = await authority.client('jane', ['dev'])
    const first = connect({ port, host: '127.0.0.1', ca: authority.cert, ...client })
    const [session] = (await once(first.resume(), 'session')) as [Buffer]
    first.destroy()
    const socket = await connectedTo(server, port, { session })
    expect(socket.isSessionReused()).to.equal(true)
    expect(certificateUser(socket)).to.deep.equal({ name: 'jane', groups: ['dev'] })
  })

  it('knows nobody on a plain connection', async () => {
    const server = createPlainServer()
    const port = await listening(server)
    const client = connectPlain(port, '127.0.0.1')
    const [socket] = (await once(server, 'connection')) as [Socket]
    closing.push(() => (client.destroy(), socket.destroy()))
    expect(certificateUser(socket)).to.equal(undefined)
    expect(certificateUser(undefined)).to.equal(undefined)
    expect(certificateUser(null)).to.equal(undefined)
  })

  /** A socket that says that its certificate was verified, with this subject. */
  function verified(subject: unknown): object {
    return { authorized: true, getPeerCertificate: () => ({ subject }) }
  }

  it('takes the last of several common names, as Go does, and all organizations in order', () => {
    const user = certificateUser(verified({ CN: ['first', 'last'], O: ['b', 'a', 'b'] }))
    expect(user).to.deep.equal({ name: 'last', groups: ['b', 'a', 'b'] })
  })

  it('knows nobody by a certificate without a common name, or with an empty one', () => {
    for (const subject of [{ O: 'dev' }, { CN: '', O: 'dev' }, { CN: ['a', ''] }, {}, undefined]) {
      expect(certificateUser(verified(subject))).to.equal(undefined)
    }
    expect(certificateUser({ authorized: true, getPeerCertificate: () => null })).to.equal(
      undefined,
    )
    expect(certificateUser({ authorized: true })).to.equal(undefined)
  })

  it('needs authorized to be true and nothing like it', () => {
    for (const authorized of [false, undefined, 1, 'true']) {
      const socket = { ...verified({ CN: 'root' }), authorized }
      expect(certificateUser(socket)).to.equal(undefined)
    }
  })

  it('asks once for a certificate that is there, and again for one that is not', () => {
    let asked = 0
    const socket = {
      authorized: false,
      getPeerCertificate: () => ({ subject: { CN: `user ${++asked}` } }),
    }
    expect(certificateUser(socket)).to.equal(undefined)
    socket.authorized = true
    expect(certificateUser(socket)).to.deep.equal({ name: 'user 1' })
    expect(certificateUser(socket)).to.deep.equal({ name: 'user 1' })
    expect(asked).to.equal(1)
  })

  it('knows nobody on a connection of which each look throws', () => {
    const socket = new Proxy({}, { get: () => expect.fail('a session that is over') })
    expect(certificateUser(socket)).to.equal(undefined)
  })

  it('knows the user of a request of node:https', async () => {
    const users: (AuditUser | undefined)[] = []
    const server = createServer(options, (req, res) => {
      users.push(certificateUser(requestSocket(req)))
      res.end()
    })
    const port = await listening(server)
    const client = connect({
      port,
      host: '127.0.0.1',
      ca: authority.cert,
      ...(await authority.client('jane')),
    })
    client.end('GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n')
    await once(client.resume(), 'close')
    expect(users).to.deep.equal([{ name: 'jane' }])
  })

  it('knows the user of all requests of a connection of node:http2', async () => {
    const seen: { user: AuditUser | undefined; socket: unknown; request: ConnectedRequest }[] = []
    const server = http2.createSecureServer(options, (request, res) => {
      const socket = requestSocket(request)
      seen.push({ user: certificateUser(socket), socket, request })
      expect(socket?.remoteAddress).to.equal('127.0.0.1')
      // The stand-in of the request will do, but is another one each time.
      expect(certificateUser(request.socket)).to.deep.equal({ name: 'jane', groups: ['dev'] })
      res.end()
    })
    const port = await listening(server)
    const certificate = await authority.client('jane', ['dev'])
    const client = http2.connect(`https://127.0.0.1:${port}`, {
      ca: authority.cert,
      ...certificate,
    })
    for (const path of ['/1', '/2']) {
      await once(client.request({ ':path': path }).resume(), 'close')
    }
    expect(seen.map(({ user }) => user?.name)).to.deep.equal(['jane', 'jane'])
    expect(seen[0]?.user).to.equal(seen[1]?.user)
    expect(seen[0]?.socket).to.equal(seen[1]?.socket)
    client.destroy()
    await once(client, 'close')
  })
})

describe('requestSocket', () => {
  const socket = {} as Socket

  it('gives the connection of node:http, and of the session of node:http2', () => {
    expect(requestSocket({ socket })).to.equal(socket)
    const session = { socket, destroyed: false }
    expect(requestSocket({ socket: {} as Socket, stream: { session } })).to.equal(socket)
  })

  it('gives none that is gone', () => {
    expect(requestSocket({ socket: null })).to.equal(undefined)
    expect(requestSocket({})).to.equal(undefined)
    expect(requestSocket({ socket, stream: {} })).to.equal(undefined)
    const session = { socket, destroyed: true }
    expect(requestSocket({ socket, stream: { session } })).to.equal(undefined)
  })
})

describe('requestUser', () => {
  it('takes undefined and null for no user', () => {
    expect(requestUser(undefined)).to.equal(undefined)
    expect(requestUser(null)).to.equal(undefined)
  })

  it('takes text or bytes for a name', () => {
    expect(requestUser('jane')).to.deep.equal({ name: 'jane' })
    const bytes = Uint8Array.from([0xff])
    expect(requestUser(bytes)).to.deep.equal({ name: bytes })
    expect(requestUser(Buffer.from('jane'))).to.deep.equal({ name: Buffer.from('jane') })
  })

  it('reads the name, or else the username, and the groups of an object', () => {
    expect(requestUser({ name: 'jane', username: 'joe', id: 1 })).to.deep.equal({ name: 'jane' })
    expect(requestUser({ username: 'joe', name: null })).to.deep.equal({ name: 'joe' })
    expect(requestUser({ name: 'jane', groups: null })).to.deep.equal({ name: 'jane' })
    const groups = ['dev', Buffer.from('é')]
    expect(requestUser({ name: 'jane', groups })).to.deep.equal({ name: 'jane', groups })
    class User {
      readonly name = 'jane'
    }
    expect(requestUser(new User())).to.deep.equal({ name: 'jane' })
  })

  const junk: [value: unknown, message: RegExp][] = [
    ['', /^user\(req\): expected a name that is not empty, got ''$/],
    [new Uint8Array(0), /^user\(req\): expected a name that is not empty/],
    [1, /^user\(req\): expected a name or an object with name or username, and groups, got 1$/],
    [true, /^user\(req\): expected .*, got true$/],
    [Symbol('s'), /^user\(req\): expected .*, got Symbol\(s\)$/],
    [() => 'jane', /^user\(req\): expected a name or an object/],
    [[], /^user\(req\): expected a name or an object/],
    [['jane'], /^user\(req\): expected a name or an object/],
    [{}, /^user\(req\): expected .*, got \{\}$/],
    [{ name: 1 }, /^user\(req\): name: expected a name, got 1$/],
    [{ name: '' }, /^user\(req\): name: expected a name that is not empty/],
    [{ name: '', username: 'joe' }, /^user\(req\): name: expected a name that is not empty/],
    [{ username: {} }, /^user\(req\): username: expected a name, got \{\}$/],
    [
      { name: 'jane', groups: 'dev' },
      /^user\(req\): groups: expected an array of strings, got 'dev'$/,
    ],
    [
      { name: 'jane', groups: ['dev', 1] },
      /^user\(req\): an element of groups: expected .*, got 1$/,
    ],
  ]
  for (const [value, message] of junk) {
    it(`refuses what says ${message.source}`, () => {
      expect(() => requestUser(value)).to.throw(TypeError, message)
    })
  }

  it('does not repeat what is in an object that it refuses', () => {
    const value = { id: 7, password: 'S3CRET' }
    expect(() => requestUser(value)).to.throw(
      TypeError,
      /got \{ id: 'number', password: 'string' \}$/,
    )
  })
})
