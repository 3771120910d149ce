import { expect } from 'chai'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import * as http2 from 'node:http2'
import { connect, type AddressInfo, type Server } from 'node:net'
import {
  headerText,
  headerValues,
  impersonation,
  type HeaderSource,
} from '../../lib/http/request-headers.js'

function requestWith(...pairs: [name: string, value: string][]): HeaderSource {
  return { rawHeaders: pairs.flat() }
}

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** What a real server of `node:http` makes of these bytes. */
async function received(bytes: Buffer): Promise<HeaderSource> {
  const server = createServer((_, res) => res.end())
  const port = await listening(server)
  const client = connect(port, '127.0.0.1')
  try {
    client.write(bytes)
    const [req] = (await once(server, 'request')) as [IncomingMessage]
    return req
  } finally {
    client.destroy()
    server.close()
  }
}

describe('headerValues', () => {
  it('gives all values in order, whatever the case of their names', () => {
    const req = requestWith(['X-A', '1, 2'], ['x-a', ''], ['Host', 'h'], ['X-a', '3'])
    expect(headerValues(req, 'x-a')).to.deep.equal(['1, 2', '', '3'])
    expect(headerValues(req, 'x-b')).to.deep.equal([])
  })

  it('takes no value for a name', () => {
    const req = requestWith(['Host', 'x-a'], ['X-A', 'x-a'], ['Y', 'z'])
    expect(headerValues(req, 'x-a')).to.deep.equal(['x-a'])
  })

  it('gives what the client sent, whatever a middleware has made of it', () => {
    const request = { headers: { 'x-a': '2' }, rawHeaders: ['X-A', '1'] }
    expect(headerValues(request, 'x-a')).to.deep.equal(['1'])
  })
})

describe('headerText', () => {
  it('gives plain ASCII back as it is', () => {
    expect(headerText('admin')).to.equal('admin')
    expect(headerText('\x7f\t')).to.equal('\x7f\t')
  })

  it('gives the bytes of what node:http received, UTF-8 or not', async () => {
    const bytes = Buffer.concat([Buffer.from('é日'), Buffer.from([0xff, 0xc3])])
    const begin = 'GET / HTTP/1.1\r\nHost: h\r\nImpersonate-User: '
    const req = await received(Buffer.concat([Buffer.from(begin), bytes, Buffer.from('\r\n\r\n')]))
    const [value = ''] = headerValues(req, 'impersonate-user')
    expect(headerText(value)).to.deep.equal(bytes)
  })

  it('gives the bytes of what node:http2 received, in a header and in the path', async () => {
    const server = http2.createServer((_, res) => res.end())
    const port = await listening(server)
    const client = http2.connect(`http://127.0.0.1:${port}`)
    try {
      const bytes = Buffer.from('/é日')
      // The client writes latin1 too: so these are the bytes on the wire.
      const sent = { ':path': bytes.toString('latin1'), 'x-a': bytes.toString('latin1') }
      client.request(sent).resume().end()
      const [req] = (await once(server, 'request')) as [http2.Http2ServerRequest]
      expect(headerText(headerValues(req, 'x-a')[0] ?? '')).to.deep.equal(bytes)
      expect(headerText(req.url)).to.deep.equal(bytes)
    } finally {
      client.destroy()
      server.close()
    }
  })

  it('gives text back as it is that no wire can have carried', () => {
    expect(headerText('日é')).to.equal('日é')
  })
})

describe('impersonation', () => {
  it('reads the first user and all groups', () => {
    const req = requestWith(
      ['Impersonate-User', 'jane, doe'],
      ['impersonate-user', 'joe'],
      ['Impersonate-Group', 'a,b'],
      ['IMPERSONATE-GROUP', ''],
      ['impersonate-group', 'Ã©'],
    )
    const groups = ['a,b', '', Buffer.from('é')]
    expect(impersonation(req)).to.deep.equal({ as: 'jane, doe', asGroups: groups })
  })

  it('takes an empty user for none, also if another one follows', () => {
    expect(impersonation(requestWith(['Impersonate-User', '']))).to.deep.equal({})
    const two = requestWith(['Impersonate-User', ''], ['Impersonate-User', 'joe'])
    expect(impersonation(two)).to.deep.equal({})
  })

  it('finds nobody in a request without such headers', () => {
    expect(impersonation(requestWith(['Host', 'h']))).to.deep.equal({})
    expect(impersonation(requestWith(['Impersonate-Group', 'g']))).to.deep.equal({
      asGroups: ['g'],
    })
  })

  it('reads them as node:http received them, repeated and empty', async () => {
    const lines = ['Impersonate-User:', 'impersonate-user: joe', 'Impersonate-Group: g']
    const req = await received(
      Buffer.from(`GET / HTTP/1.1\r\nHost: h\r\n${lines.join('\r\n')}\r\n\r\n`),
    )
    expect(impersonation(req)).to.deep.equal({ asGroups: ['g'] })
  })
})
