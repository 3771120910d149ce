import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { expect } from 'chai'
import fs from 'fs-extra'
import { generate } from 'selfsigned'
import { auditedServers, clientAuthority, type AuditedServer } from '../support/audited-server.js'
import { readEventPairs, readPairs, withoutTimeAndId } from '../support/audit-pairs.js'
import { httpCertificates } from '../support/http-certificates.js'
import type { Listener } from '../support/http-servers.js'
import { startProgram, waitFor, type Ended, type Running } from '../support/run-program.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const version = spawnSync('curl', ['--version'], { encoding: 'utf8' })
const isInstalled = version.status === 0

/** Answers 201 to what has a body, 404 to `/missing`, else 200, always with some text. */
async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let bytes = 0
  for await (const chunk of request) bytes += (chunk as Buffer).length
  const code = bytes > 0 ? 201 : request.url === '/missing' ? 404 : 200
  response.writeHead(code, { 'Content-Type': 'text/plain' })
  response.end(`${bytes} bytes\n`)
}

/** Sends the begin of an answer that has no end. */
const answerForEver: Listener = (_request, response) => {
  response.writeHead(200, { 'Content-Length': 1_000_000 })
  response.write('the beginning\n')
}

describe('curl', function () {
  this.timeout(60_000)
  const at = temporaryDirectory()
  const serve = auditedServers()

  before(function () {
    if (isInstalled) return
    console.log('      skipped: no curl on the path')
    this.skip()
  })
  beforeEach(async () => {
    const authority = await clientAuthority()
    const { key, cert } = await authority.client('Zoë "Z" Ünal', ['dev, ops', 'ops'])
    await fs.outputFile(at('ca.pem'), (await httpCertificates()).ca)
    await fs.outputFile(at('client.pem'), cert)
    await fs.outputFile(at('client-key.pem'), key)
  })

  function start(...args: string[]): Running {
    return startProgram(['env', `HOME=${at()}`, 'curl', '-qsS', '--cacert', at('ca.pem'), ...args])
  }

  async function curl(...args: string[]): Promise<Ended> {
    const ended = await start(...args).ended
    expect(ended.stderr).to.equal('')
    expect(ended.code).to.equal(0)
    return ended
  }

  const certificate = (): string[] => ['--cert', at('client.pem'), '--key', at('client-key.pem')]

  /** All lines, without times and ids, once the server has stopped; expected to be pairs. */
  async function linesOf(server: AuditedServer, count: number): Promise<string[]> {
    await server.hasLines(count)
    await server.stop()
    readPairs(server.lines)
    return server.lines.map(withoutTimeAndId)
  }

  for (const { kind, flag } of [
    { kind: 'https', flag: '--http1.1' },
    { kind: 'http2', flag: '--http1.1' },
    { kind: 'http2', flag: '--http2' },
  ] as const) {
    describe(`${flag} with a server of ${kind}`, () => {
      it('gets, posts and asks for the head, and is told the id of each', async () => {
        const server = await serve({ kind, listener: answer })
        const got = await curl(flag, '-i', `${server.origin}/a/b?c=d&e`)
        const posted = await curl(flag, '-i', '-d', 'some', `${server.origin}/`)
        const head = await curl(flag, '-I', `${server.origin}/missing`)
        const ids = [got, posted, head].map(
          ({ stdout }) => /^audit-id: (\S+)\r$/im.exec(stdout)?.[1],
        )
        const protocol = flag === '--http2' ? 'HTTP/2' : 'HTTP/1.1'
        expect(got.stdout.split('\r\n')[0]?.trim()).to.match(RegExp(`^${protocol} 200`))
        expect(await linesOf(server, 6)).to.deep.equal([
          'TIME AUDIT: id="ID" ip="127.0.0.1" method="GET" user="<none>" as="<self>" namespace="<none>" uri="/a/b?c=d&e"',
          'TIME AUDIT: id="ID" response="200"',
          'TIME AUDIT: id="ID" ip="127.0.0.1" method="POST" user="<none>" as="<self>" namespace="<none>" uri="/"',
          'TIME AUDIT: id="ID" response="201"',
          'TIME AUDIT: id="ID" ip="127.0.0.1" method="HEAD" user="<none>" as="<self>" namespace="<none>" uri="/missing"',
          'TIME AUDIT: id="ID" response="404"',
        ])
        expect(readPairs(server.lines).map(({ request }) => request.id)).to.deep.equal(ids)
      })

      it('is who its certificate says, with what is hard to quote', async () => {
        const server = await serve({ kind, listener: answer, format: '1.6' })
        const path = '/apis/apps/v1/namespaces/kube-system/deployments/dns'
        await curl(flag, ...certificate(), `${server.origin}${path}`)
        expect(await linesOf(server, 2)).to.deep.equal([
          `TIME AUDIT: id="ID" ip="127.0.0.1" method="GET" user="Zoë \\"Z\\" Ünal" groups="${String.raw`\"dev, ops\",\"ops\"`}" as="<self>" asgroups="<lookup>" namespace="kube-system" uri="${path}"`,
          'TIME AUDIT: id="ID" response="200"',
        ])
      })

      it('is nobody with a certificate that nobody vouches for', async () => {
        const forged = await generate([{ name: 'commonName', value: 'admin' }], { keyType: 'ec' })
        await fs.outputFile(at('client.pem'), forged.cert)
        await fs.outputFile(at('client-key.pem'), forged.private)
        const server = await serve({ kind, listener: answer, format: '1.6' })
        await curl(flag, ...certificate(), `${server.origin}/`)
        expect(await linesOf(server, 2)).to.deep.equal([
          'TIME AUDIT: id="ID" ip="127.0.0.1" method="GET" user="<none>" groups="<none>" as="<self>" asgroups="<lookup>" namespace="<none>" uri="/"',
          'TIME AUDIT: id="ID" response="200"',
        ])
      })

      it('sends any bytes in a header, and they are in the line', async () => {
        const server = await serve({ kind, listener: answer, format: '1.6' })
        const headers = [
          'Impersonate-User: J\u00f6rg \u2028\u202e\u{1f600}',
          'Impersonate-Group: \x80\xff"\\',
          'Impersonate-Group: tab\there',
        ]
        const bytes = headers.map(text =>
          text.includes('\x80') ? Buffer.from(text, 'latin1') : Buffer.from(text),
        )
        await fs.outputFile(
          at('headers'),
          Buffer.concat(bytes.map(line => Buffer.concat([line, Buffer.from('\n')]))),
        )
        await curl(flag, '-H', `@${at('headers')}`, `${server.origin}/`)
        expect(await linesOf(server, 2)).to.deep.equal([
          String.raw`TIME AUDIT: id="ID" ip="127.0.0.1" method="GET" user="<none>" groups="<none>" as="Jörg \u2028\u202e😀" asgroups="\"\\x80\\xff\\\"\\\\\",\"tab\\there\"" namespace="<none>" uri="/"`,
          'TIME AUDIT: id="ID" response="200"',
        ])
      })

      it('asks for leave before it sends a body, and is answered once', async () => {
        const server = await serve({ kind, listener: answer })
        const args = ['-v', '-H', 'Expect: 100-continue', '-d', 'body', `${server.origin}/body`]
        const { code, stderr, stdout } = await start(flag, ...args).ended
        expect(code).to.equal(0)
        expect(stderr).to.match(/^< HTTP\/(?:1\.1|2) 100/m)
        expect(stdout).to.equal('4 bytes\n')
        expect(await linesOf(server, 2)).to.deep.equal([
          'TIME AUDIT: id="ID" ip="127.0.0.1" method="POST" user="<none>" as="<self>" namespace="<none>" uri="/body"',
          'TIME AUDIT: id="ID" response="201"',
        ])
      })

      it('is refused leave to send a body', async () => {
        const server = await serve({
          kind,
          listener: answer,
          prepare: made =>
            made.on('checkContinue', (_request, response: ServerResponse) => {
              response.writeHead(413).end()
            }),
        })
        const args = ['-o', at('answer'), '-w', '%{http_code}', '-H', 'Expect: 100-continue']
        const { stdout } = await start(flag, ...args, '-d', 'body', `${server.origin}/`).ended
        expect(stdout).to.equal('413')
        expect((await linesOf(server, 2)).at(-1)).to.equal('TIME AUDIT: id="ID" response="413"')
      })

      it('sends slowly, while its request is in the log already', async () => {
        const linesBetween: number[] = []
        const listener: Listener = (request, response) => {
          request.on('data', () => linesBetween.push(server.lines.length))
          return answer(request, response)
        }
        const server = await serve({ kind, listener })
        const body = at('body')
        await fs.outputFile(body, 'x'.repeat(12_288))
        const slow = start(flag, '--limit-rate', '8k', '-T', body, `${server.origin}/slow`)
        const { code, stdout } = await slow.ended
        expect(new Set(linesBetween)).to.deep.equal(new Set([1]))
        expect(code).to.equal(0)
        expect(stdout).to.equal('12288 bytes\n')
        expect(await linesOf(server, 2)).to.deep.equal([
          'TIME AUDIT: id="ID" ip="127.0.0.1" method="PUT" user="<none>" as="<self>" namespace="<none>" uri="/slow"',
          'TIME AUDIT: id="ID" response="201"',
        ])
      })

      it('goes away in the middle of an answer, which was answered all the same', async () => {
        const server = await serve({ kind, listener: answerForEver })
        const download = start(flag, '-N', `${server.origin}/long`)
        await waitFor('its beginning', () => download.said().stdout.includes('the beginning'))
        expect(server.lines).to.have.lengthOf(2)
        download.child.kill('SIGKILL')
        await download.ended
        expect((await linesOf(server, 2)).at(-1)).to.equal('TIME AUDIT: id="ID" response="200"')
      })

      it('goes away in the middle of an answer, which is its end in events', async () => {
        const server = await serve({ kind, listener: answerForEver, format: 'json' })
        const download = start(flag, '-N', `${server.origin}/long`)
        await waitFor('its beginning', () => download.said().stdout.includes('the beginning'))
        expect(server.lines).to.have.lengthOf(1)
        download.child.kill('SIGKILL')
        await server.hasLines(2)
        await server.stop()
        const [pair, ...more] = readEventPairs(server.lines)
        expect(more).to.deep.equal([])
        expect(pair).to.deep.include({ code: 200, stages: ['RequestReceived', 'ResponseComplete'] })
      })

      it('goes away before there is an answer', async () => {
        let seen = 0
        const server = await serve({ kind, listener: () => seen++ })
        const waiting = start(flag, `${server.origin}/never`)
        await waitFor('the handler', () => seen === 1)
        waiting.child.kill('SIGKILL')
        await waiting.ended
        expect(await linesOf(server, 2)).to.deep.equal([
          'TIME AUDIT: id="ID" ip="127.0.0.1" method="GET" user="<none>" as="<self>" namespace="<none>" uri="/never"',
          'TIME AUDIT: id="ID" response="499"',
        ])
      })

      it('shows no secret of the query', async () => {
        const server = await serve({ kind, listener: answer })
        const query = 'a=1&access_token=s3cr3t&user[p%61ssword]=s3cr3t&b'
        await curl(flag, '-g', `${server.origin}/x?${query}`)
        const shown = 'a=1&access_token=REDACTED&user[p%61ssword]=REDACTED&b'
        expect((await linesOf(server, 2))[0]).to.equal(
          `TIME AUDIT: id="ID" ip="127.0.0.1" method="GET" user="<none>" as="<self>" namespace="<none>" uri="/x?${shown}"`,
        )
      })
    })
  }

  it('asks for 64 KiB of a uri', async () => {
    const server = await serve({
      kind: 'https',
      listener: answer,
      server: { maxHeaderSize: 131_072 },
    })
    const path = `/${'0123456789abcdef'.repeat(4096)}`
    await curl('--http1.1', `${server.origin}${path}`)
    expect(path).to.have.lengthOf(65_537)
    expect(await linesOf(server, 2)).to.deep.equal([
      `TIME AUDIT: id="ID" ip="127.0.0.1" method="GET" user="<none>" as="<self>" namespace="<none>" uri="${path}"`,
      'TIME AUDIT: id="ID" response="200"',
    ])
  })

  describe('upgrading', () => {
    const asking = ['--http1.1', '-N', '-H', 'Connection: Upgrade', '-H', 'Upgrade: talk']

    it('is answered 101 when its connection is taken over', async () => {
      const server = await serve({
        kind: 'https',
        listener: answer,
        prepare: made =>
          made.on('upgrade', (_request, socket: Duplex) => {
            const header = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: talk\r\n'
            socket.end(`${header}Connection: Upgrade\r\n\r\nHTTP/1.1 500 No\r\n\r\n`)
          }),
      })
      const { stdout } = await start(...asking, '-i', `${server.origin}/talk`).ended
      expect(stdout).to.match(/^HTTP\/1\.1 101 /)
      expect(await linesOf(server, 2)).to.deep.equal([
        'TIME AUDIT: id="ID" ip="127.0.0.1" method="GET" user="<none>" as="<self>" namespace="<none>" uri="/talk"',
        'TIME AUDIT: id="ID" response="101"',
      ])
    })

    it('is refused by whoever has taken the connection over', async () => {
      const server = await serve({
        kind: 'https',
        listener: answer,
        prepare: made =>
          made.on('upgrade', (_request, socket: Duplex) => {
            socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
          }),
      })
      const { stdout } = await curl(...asking, '-i', `${server.origin}/talk`)
      expect(stdout).to.match(/^HTTP\/1\.1 403 /)
      expect((await linesOf(server, 2)).at(-1)).to.equal('TIME AUDIT: id="ID" response="403"')
    })

    it('is answered as any request where nobody knows of upgrades, as for HTTP/2 in clear', async () => {
      const server = await serve({ kind: 'http', listener: answer })
      await curl('--http2', `${server.origin}/h2c`)
      expect(await linesOf(server, 2)).to.deep.equal([
        'TIME AUDIT: id="ID" ip="127.0.0.1" method="GET" user="<none>" as="<self>" namespace="<none>" uri="/h2c"',
        'TIME AUDIT: id="ID" response="200"',
      ])
    })
  })

  describe('by a proxy', () => {
    it('asks for the whole uri, whose password is not shown', async () => {
      const server = await serve({ kind: 'http', listener: answer })
      const target = 'HTTP://ann:s3cr3t@example.test:81/x%2fy?q'
      await curl('--request-target', target, `${server.origin}/`)
      await curl('-x', server.origin, 'http://ann:s3cr3t@example.test:81/z')
      const lines = await linesOf(server, 4)
      expect(lines.filter((_, index) => index % 2 === 0)).to.deep.equal([
        'TIME AUDIT: id="ID" ip="127.0.0.1" method="GET" user="<none>" as="<self>" namespace="<none>" uri="http://example.test:81/x%2fy?q"',
        'TIME AUDIT: id="ID" ip="127.0.0.1" method="GET" user="<none>" as="<self>" namespace="<none>" uri="http://example.test:81/z"',
      ])
    })

    it('asks for a tunnel and gets one', async () => {
      const server = await serve({
        kind: 'http',
        listener: answer,
        prepare: made =>
          made.on('connect', (_request, socket: Duplex) => {
            socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
            socket.once('data', () => socket.end('HTTP/1.0 204 None\r\n\r\n'))
          }),
      })
      await curl('-p', '-x', server.origin, 'http://example.test:81/z')
      expect(await linesOf(server, 2)).to.deep.equal([
        'TIME AUDIT: id="ID" ip="127.0.0.1" method="CONNECT" user="<none>" as="<self>" namespace="<none>" uri="example.test:81"',
        'TIME AUDIT: id="ID" response="200"',
      ])
    })

    it('asks for a tunnel where there is none', async () => {
      const server = await serve({ kind: 'http', listener: answer })
      const { code } = await start('-p', '-x', server.origin, 'http://example.test:81/z').ended
      expect(code).to.be.above(0)
      expect((await linesOf(server, 2)).at(-1)).to.equal('TIME AUDIT: id="ID" response="499"')
    })
  })

  it('is not in the log on a plain connection, of which a warning says so once', async () => {
    const warned = once(process, 'warning')
    const server = await serve({
      kind: 'http',
      listener: answer,
      audit: { insecure: false },
    })
    await curl(`${server.origin}/`, `${server.origin}/`)
    const [warning] = (await warned) as [Error]
    expect(warning.message).to.include('rollkeeper/http: requests on connections without TLS')
    expect(await linesOf(server, 0)).to.deep.equal([])
  })
})
