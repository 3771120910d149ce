import { execFile, fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { request as requestPlain, type IncomingMessage } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { request as requestSecure } from 'node:https'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { expect } from 'chai'
import fs from 'fs-extra'
import { WebSocket } from 'ws'
import { makeAuthority, type Authority } from '../../docs/examples/certificates.js'
import { blocksOf, DOCUMENTS, isServer, patternOf, ROOT, type Block } from '../support/document.js'

const run = promisify(execFile)
const TSX = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
const PROGRAMS = join(ROOT, 'dist', 'servers')

const POD = '/api/v1/namespaces/default/pods/web-1'

/** Put behind a recipe: tells the port, and ends the server when it is told to. */
const FOOTER = `
const tellPort = () => process.send(server.address().port)
if (server.listening) tellPort()
else server.once('listening', tellPort)
process.once('message', () => {
  server.close()
  server.closeAllConnections?.()
  process.disconnect()
})
`

/** A recipe that runs. */
interface Site {
  readonly port: number
  readonly authority: Authority
  readonly child: ChildProcess
}

interface Question {
  readonly path: string
  readonly headers?: Record<string, string>
  /** The client's certificate. */
  readonly user?: { readonly key: string; readonly cert: string }
  readonly plain?: boolean
}

/** Sends a request on a connection of its own. Resolved: the answer has come whole. */
async function ask(site: Site, { plain, user, ...question }: Question): Promise<[number, string]> {
  const target = { host: '127.0.0.1', port: site.port, agent: false, ...question }
  const asked = plain
    ? requestPlain(target)
    : requestSecure({ ...target, ...user, ca: site.authority.cert })
  const [answer] = (await once(asked.end(), 'response')) as [IncomingMessage]
  let body = ''
  answer.setEncoding('utf8').on('data', (text: string) => (body += text))
  await once(answer, 'end')
  return [answer.statusCode ?? 0, body]
}

async function askByHttp2({ port, authority }: Site, path: string): Promise<number> {
  const session = connectHttp2(`https://127.0.0.1:${port}`, { ca: authority.cert })
  const stream = session.request({ ':path': path })
  const [headers] = await once(stream, 'response')
  await once(stream.resume(), 'close')
  session.close()
  return Number(headers[':status'])
}

/** Opens a WebSocket, and has a word echoed. Gives the code of the response that refuses it. */
async function chat({ port, authority }: Site, path: string): Promise<string | number> {
  const socket = new WebSocket(`wss://127.0.0.1:${port}${path}`, { ca: authority.cert })
  const refused = once(socket, 'unexpected-response').then(([asked, answer]) => {
    asked.destroy()
    return Number(answer.statusCode)
  })
  const told = once(socket, 'open').then(async () => {
    socket.send('hello')
    const [text] = await once(socket, 'message')
    socket.close()
    await once(socket, 'close')
    return String(text)
  })
  for (const outcome of [refused, told]) outcome.catch(() => undefined) // one of them comes
  return Promise.race([refused, told])
}

/** What is asked of the servers of the documents, by the headings that they stand under. */
const VISITS: Readonly<Record<string, (site: Site) => Promise<void>>> = {
  'The audit of a server': async site => {
    expect(await ask(site, { path: '/greeting' })).to.deep.equal([200, 'hello\n'])
  },
  'Client certificates, as in Kubernetes': async site => {
    const user = await site.authority.client('admin', ['system:masters'])
    const headers = { 'impersonate-user': 'carol' }
    expect((await ask(site, { path: POD, headers, user }))[0]).to.equal(200)
    expect((await ask(site, { path: POD }))[0]).to.equal(403)
  },
  'Behind a proxy that ends TLS': async site => {
    const headers = { 'x-forwarded-for': '198.51.100.7, 203.0.113.9, 10.1.2.3' }
    expect((await ask(site, { path: '/greeting', headers, plain: true }))[0]).to.equal(200)
  },
  'HTTP/2': async site => {
    expect(await askByHttp2(site, '/greeting')).to.equal(200)
    expect((await ask(site, { path: '/farewell' }))[0]).to.equal(404)
  },
  'Express 4 and 5': async site => {
    const headers = { authorization: 'Bearer 4f1c9a' }
    expect(await ask(site, { path: '/orders/7', headers })).to.deep.equal([200, '{"id":"7"}'])
    expect((await ask(site, { path: '/invoices/7' }))[0]).to.equal(404)
  },
  Connect: async site => {
    expect(await ask(site, { path: '/greeting' })).to.deep.equal([200, 'hello\n'])
  },
  'One listener': async site => {
    expect((await ask(site, { path: '/' }))[1]).to.equal('not worth a line\n')
    expect((await ask(site, { path: '/admin/users' }))[1]).to.equal('done\n')
  },
  WebSocket: async site => {
    expect(await chat(site, '/chat')).to.equal('hello')
    expect(await chat(site, '/elsewhere')).to.equal(400)
  },
  'JSON events': async site => {
    const headers = { 'user-agent': 'kubectl/v1.30.0' }
    expect((await ask(site, { path: POD, headers }))[0]).to.equal(200)
  },
  'Nothing without a record': async site => {
    expect(await ask(site, { path: '/payments' })).to.deep.equal([200, 'paid\n'])
  },
  Counters: async site => {
    const [code, body] = await ask(site, { path: '/metrics' })
    expect(code).to.equal(200)
    expect(body).to.equal(`apiserver_audit_event_total 1
apiserver_audit_error_total 0
apiserver_audit_requests_rejected_total 0
`)
  },
  'The end of a server': async site => {
    expect((await ask(site, { path: '/greeting' }))[0]).to.equal(200)
    site.child.disconnect() // nothing but the recipe ends it
    site.child.kill('SIGTERM')
  },
}

/** Recipes that are run more than once: what is replaced in their text, by the name of the run. */
const VARIANTS: Readonly<Record<string, Record<string, [string, string]>>> = {
  'Express 4 and 5': {
    'Express 4': [`'express'`, `'express4'`],
    'Express 5': [`'express'`, `'express'`],
  },
}

function variantsOf(heading: string): Record<string, [string, string]> {
  return VARIANTS[heading] ?? { [heading]: ['', ''] }
}

describe('the servers of the documents', function () {
  this.timeout(60_000)
  let directory = ''
  let authority: Authority
  const children: ChildProcess[] = []

  before(async () => {
    directory = fs.mkdtempSync(join(tmpdir(), 'rollkeeper-servers-'))
    authority = await makeAuthority()
  })

  after(async () => {
    for (const child of children) child.kill('SIGKILL')
    await Promise.all([fs.remove(directory), fs.remove(PROGRAMS)])
  })

  /** Starts a recipe as a program that has the package, on a free port, with certificates. */
  async function startServer(text: string, name: string): Promise<Site & { readonly cwd: string }> {
    const program = join(PROGRAMS, `${name}.ts`)
    const cwd = join(directory, name)
    fs.outputFileSync(program, text.replace(/\b8(?:443|080)\b/, '0') + FOOTER)
    const { key, cert } = await authority.server()
    fs.outputFileSync(join(cwd, 'tls', 'server.key'), key)
    fs.outputFileSync(join(cwd, 'tls', 'server.crt'), cert)
    fs.outputFileSync(join(cwd, 'tls', 'clients.crt'), authority.cert)
    const child = fork(program, { cwd, execArgv: ['--import', TSX], stdio: 'pipe' })
    children.push(child)
    let said = ''
    child.stderr?.setEncoding('utf8').on('data', (part: string) => (said += part))
    const failed = once(child, 'exit').then(([code]) => {
      throw new Error(`${name} ended with ${code}: ${said}`)
    })
    failed.catch(() => undefined)
    const [port] = await Promise.race([once(child, 'message'), failed])
    return { port: Number(port), authority, child, cwd }
  }

  /** Runs a recipe, visits it, ends it, and gives what it logged. */
  async function visit({ text, heading }: Block, name: string): Promise<string> {
    const site = await startServer(text, name)
    const ended = once(site.child, 'exit')
    await VISITS[heading]?.(site)
    if (site.child.connected) site.child.send('end')
    expect(await ended).to.deep.equal([0, null])
    return fs.readFileSync(join(site.cwd, 'logs', 'audit.log'), 'utf8')
  }

  for (const document of DOCUMENTS) {
    const blocks = blocksOf(document)
    for (const [index, block] of blocks.entries()) {
      if (!isServer(block)) continue
      const { heading, text } = block
      for (const [variant, [from, to]] of Object.entries(variantsOf(heading))) {
        it(`${document}: ${variant} logs what it says`, async () => {
          expect(VISITS).to.have.property(heading)
          const name = `${basename(document, '.md')}-${index}-${variant.replaceAll(/\W/g, '')}`
          const logged = await visit({ ...block, text: text.replace(from, to) }, name)
          const shown = blocks[index + 1]
          const isShown = shown?.language === 'text' && shown.heading === heading
          // A document tells the lines, but for those that say nothing new.
          if (isShown) expect(logged.trim()).to.match(patternOf(shown.text))
          else expect(logged.trimEnd().split('\n')).to.have.lengthOf(2)
        })
      }
    }
  }

  it('pass the type checker', async () => {
    const folder = join(ROOT, 'dist', 'servers', 'typed')
    for (const document of DOCUMENTS) {
      for (const [index, block] of blocksOf(document).entries()) {
        if (!isServer(block)) continue
        fs.outputFileSync(join(folder, `${basename(document, '.md')}-${index}.ts`), block.text)
      }
    }
    const unused = { noUnusedLocals: false, noUnusedParameters: false }
    const options = { ...unused, noEmit: true, declaration: false, rootDir: '.' }
    const project = { extends: '../../../tsconfig.json', compilerOptions: options, include: ['.'] }
    fs.outputJsonSync(join(folder, 'tsconfig.json'), project)
    const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
    const checked = await run(process.execPath, [tsc, '-p', folder]).catch(error => error)
    expect(checked.stdout).to.equal('')
  })

  it('are all of those that are visited', () => {
    const headings = DOCUMENTS.flatMap(blocksOf).filter(isServer)
    expect(headings.map(({ heading }) => heading)).to.include.members(Object.keys(VISITS))
  })
})

describe('docs/http.md', () => {
  it('names the options that exist, and all of them', () => {
    const document = fs.readFileSync(join(ROOT, 'docs', 'http.md'), 'utf8')
    const [, table = ''] = /^## Options\n(.*?)^## /ms.exec(document) ?? []
    const named = [...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name)
    const source = fs.readFileSync(join(ROOT, 'lib', 'http', 'http-options.ts'), 'utf8')
    const [, declared = ''] = /interface AuditHttpOptions<.*?> \{(.*?)^\}/ms.exec(source) ?? []
    const options = [...declared.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, name]) => name)
    expect(options).to.not.be.empty
    expect(named).to.have.members(options)
  })
})
