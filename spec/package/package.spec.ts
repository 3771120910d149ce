import { expect } from 'chai'
import fs from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { ConsumerProject, REPOSITORY, run, type Packed } from './consumer-project.js'

/** Programs that the package is checked with. */
const ATTW = fileURLToPath(
  new URL('dist/index.js', import.meta.resolve('@arethetypeswrong/cli/package.json')),
)
const TSC = fileURLToPath(new URL('bin/tsc', import.meta.resolve('typescript/package.json')))

const MINUTES_MS = 60_000

/** Uses each entry in the ways of TypeScript; the same text as an ES module and as CommonJS. */
const TYPED = `import { FileAppender, RollkeeperError, keepNewest, maxSize, type Backup } from 'rollkeeper'
import { AuditLog, formatRequest, parseLine } from 'rollkeeper/audit'
import { auditHandler, auditMiddleware, auditServer, type AuditHttpOptions } from 'rollkeeper/http'
import { createServer, type IncomingMessage } from 'node:http'
import { createSecureServer, type Http2SecureServer } from 'node:http2'
import type { RequestHandler } from 'express'

const log: FileAppender = new FileAppender({ path: 'typed.log', rotation: maxSize('1MiB'), retention: keepNewest(2) })
log.on('rotate', (backup: Backup) => backup.time.getTime())
log.on('warning', (error: RollkeeperError) => error.code)
const id: string = new AuditLog(log).request({ method: 'GET', uri: '/' })
const line: string = formatRequest({ time: 0n, id, method: 'GET', uri: '/' })
const kind: 'request' | 'response' | 'gap' | undefined = parseLine(line)?.kind
const audit = new AuditLog(log, { format: 'json' })
const options: AuditHttpOptions<IncomingMessage> = { user: async req => req.headers.from, mode: 'batch' }
createServer(auditHandler(audit, (req, res) => res.end(String(req.method)), options))
const server: Http2SecureServer = auditServer(audit, createSecureServer((req, res) => res.end(req.url)))
export const middleware: RequestHandler = auditMiddleware(audit, { trustProxy: ['10.0.0.0/8'] })
// @ts-expect-error there is no such mode
auditServer(audit, server, { mode: 'strict' })
// @ts-expect-error a number is no record
log.write(1)
// @ts-expect-error there is no such option
new FileAppender({ path: 'typed.log', maxsize: '1MiB' })
export const closed: Promise<void> = log.append(line).then(() => log.close())
export { kind }
`

const JEST_TEST = `const fs = require('node:fs')
const { FileAppender } = require('rollkeeper')
const { AuditLog } = require('rollkeeper/audit')
const { auditHandler } = require('rollkeeper/http')
const http = require('node:http')

test('logs the requests of a server', async () => {
  const lines = []
  const audit = new AuditLog({ write: line => lines.push(line) > 0, append: async line => lines.push(line) })
  const handler = auditHandler(audit, (req, res) => res.end(Buffer.from('bytes')), { insecure: true })
  const server = http.createServer(handler)
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  const { status } = await fetch('http://127.0.0.1:' + server.address().port + '/path')
  expect(status).toBe(200)
  expect(lines[0]).toMatch(/ uri="\\/path"\\n$/)
  expect(lines[1]).toMatch(/ response="200"\\n$/)
  server.closeAllConnections()
  server.close()
})

test('writes records of text and bytes', async () => {
  const log = new FileAppender({ path: 'jest/audit.log' })
  await log.append('text\\n')
  await log.append(Buffer.from('a buffer\\n'))
  await log.append(new Uint8Array([0x62, 0x79, 0x74, 0x65, 0x73, 0x0a]))
  const audit = new AuditLog(log)
  audit.response(audit.request({ ip: '::1', method: 'GET', uri: '/healthz' }), 200)
  await log.close()
  const again = new FileAppender({ path: 'jest/audit.log' }) // Jest's errors are of another realm
  await again.append('again\\n')
  await again.close()
  const lines = fs.readFileSync('jest/audit.log', 'utf8').split('\\n')
  expect(lines.slice(0, 3)).toEqual(['text', 'a buffer', 'bytes'])
  expect(lines[4]).toMatch(/ AUDIT: id="[^"]+" response="200"$/)
})
`

/** Opens a log by one build, then by the other, and the other way round; tells how it was locked. */
const LOCKS = `import fs from 'node:fs'
import { createRequire } from 'node:module'
import * as module from 'rollkeeper'
const common = createRequire(import.meta.url)('rollkeeper')
process.env.PATH = '' // where the command flock is not
for (const [one, other] of [[module, common], [common, module]]) {
  const log = new one.FileAppender({ path: 'locks.log' })
  const [, means] = / by=([a-z]+) /.exec(fs.readFileSync('.locks.log.lock', 'utf8'))
  try {
    new other.FileAppender({ path: 'locks.log' })
  } catch (error) {
    console.log(means, error.code)
  }
  await log.close()
}
`

/** Writes a record and awaits it, given how the names were had. */
function program(imports: string, path: string): string {
  return `${imports}
const log = new FileAppender({ path: '${path}', maxSize: '1MiB' })
log.append(formatResponse({ time: 0n, id: 'x', code: 200 })).then(() => log.close())
`
}

const RESPONSE = '1970-01-01T00:00:00Z AUDIT: id="x" response="200"\n'

describe('the package', function () {
  this.timeout(10 * MINUTES_MS)

  let project: ConsumerProject
  let packed: Packed

  before(async () => {
    project = new ConsumerProject()
    packed = await project.pack()
    await project.install(packed.tarball, 'jest@30')
  })

  after(() => project.remove())

  it('has the license, the versions of Node and the entries that it is to have', () => {
    const manifest = JSON.parse(project.read('node_modules/rollkeeper/package.json'))
    expect(manifest.license).to.equal('MIT')
    expect(manifest.engines).to.deep.equal({ node: '^20.19.0 || >=22.12.0' })
    expect(manifest.exports).to.have.all.keys('.', './audit', './http', './package.json')
    expect(manifest.bin).to.have.all.keys('rollkeeper')
    expect(project.read('node_modules/rollkeeper/LICENSE')).to.match(/^MIT License/)
  })

  it('holds what was built and its papers, no source, spec or setting', () => {
    const sources = sourceNames()
    const common = sources.filter(name => !name.startsWith('cli/'))
    const built = [
      ...sources.flatMap(name => builtFrom(`dist/esm/${name}`)),
      ...common.flatMap(name => builtFrom(`dist/cjs/${name}`)),
    ]
    const papers = ['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json', 'dist/cjs/package.json']
    const documents = fs
      .readdirSync(join(REPOSITORY, 'docs'))
      .filter(name => name.endsWith('.md'))
      .map(name => `docs/${name}`)
    expect(packed.files).to.deep.equal([...built, ...papers, ...documents].sort())
  })

  it('leaves publint nothing to say', async () => {
    const { buffer, byteOffset, byteLength } = fs.readFileSync(packed.tarball)
    const tarball = buffer.slice(byteOffset, byteOffset + byteLength)
    const { messages, pkg } = await publint({ pack: { tarball }, strict: true })
    expect(messages.map(message => formatMessage(message, pkg))).to.deep.equal([])
  })

  it('has types that resolve, and are right, from both module systems', async () => {
    const options = '--profile node16 --no-definitely-typed --format ascii --no-emoji --no-color'
    const args = [ATTW, ...options.split(' '), packed.tarball]
    const { stdout } = await run(process.execPath, args) // rejected where it finds a problem
    const verdicts = stdout.split('\n').filter(line => /^node16 .*OK \((?:ESM|CJS)\)$/.test(line))
    expect(verdicts.sort()).to.deep.equal([
      'node16 (from CJS): OK (CJS)',
      'node16 (from CJS): OK (CJS)',
      'node16 (from CJS): OK (CJS)',
      'node16 (from ESM): OK (ESM)',
      'node16 (from ESM): OK (ESM)',
      'node16 (from ESM): OK (ESM)',
    ])
  })

  it('works by import', async () => {
    const imports = `import { FileAppender } from 'rollkeeper'
      import { formatResponse } from 'rollkeeper/audit'`
    project.write('imports.mjs', program(imports, 'imports.log'))
    await project.node('imports.mjs')
    expect(project.read('imports.log')).to.equal(RESPONSE)
  })

  it('works by require', async () => {
    const imports = `const { FileAppender } = require('rollkeeper')
      const { formatResponse } = require('rollkeeper/audit')`
    project.write('requires.cjs', program(imports, 'requires.log'))
    await project.node('requires.cjs')
    expect(project.read('requires.log')).to.equal(RESPONSE)
  })

  it('locks a log for both builds together: by koffi where it is installed, else without', async () => {
    project.write('locks.mjs', LOCKS)
    const koffi = join('node_modules', 'koffi')
    expect(fs.existsSync(project.path(koffi)), 'koffi is optional').to.equal(false)
    const refused = ' ERR_ROLLKEEPER_LOCKED\n'
    expect((await project.node('locks.mjs')).stdout).to.equal(`text${refused}`.repeat(2))
    fs.symlinkSync(join(REPOSITORY, koffi), project.path(koffi))
    expect((await project.node('locks.mjs')).stdout).to.equal(`flock${refused}`.repeat(2))
  })

  it('lets nobody reach past its entries', async () => {
    project.write('deep.cjs', `require('rollkeeper/dist/cjs/appender/delivery.js')`)
    const failure = await project.node('deep.cjs').catch(String)
    expect(failure).to.include('ERR_PACKAGE_PATH_NOT_EXPORTED')
  })

  it('works under TypeScript, as an ES module and as CommonJS', async () => {
    const compilerOptions = {
      module: 'nodenext',
      target: 'es2022',
      strict: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
      typeRoots: [join(REPOSITORY, 'node_modules/@types')],
      types: ['node'],
    }
    project.write('tsconfig.json', JSON.stringify({ compilerOptions, include: ['typed.*'] }))
    project.write('typed.mts', TYPED)
    project.write('typed.cts', TYPED)
    await project.run(process.execPath, [TSC, '-p', '.'])
  })

  it('has a program that tells how it is used', async () => {
    const { stdout } = await project.shell('npx --no-install rollkeeper --help')
    expect(stdout).to.match(/^Usage: rollkeeper /)
  })

  it('has a program that a pipe can end in', async () => {
    await project.shell(
      `printf 'one\\ntwo\\n' | node_modules/.bin/rollkeeper write --path=pipe.log`,
    )
    expect(project.read('pipe.log')).to.equal('one\ntwo\n')
  })

  it('works under Jest, where text and bytes come from another realm', async () => {
    project.write('audit.test.js', JEST_TEST)
    await project.run('node_modules/.bin/jest', ['--ci', '--config', '{}'])
    expect(project.read('jest/audit.log')).to.include('a buffer\nbytes\n')
  })
})

/** Names of all files in `lib/` that are compiled. */
function sourceNames(): string[] {
  const names = fs.readdirSync(join(REPOSITORY, 'lib'), { recursive: true, encoding: 'utf8' })
  return names.filter(name => /\.c?ts$/.test(name))
}

/** What becomes of a source: code and types, of CommonJS in any case where it says so. */
function builtFrom(source: string): string[] {
  const [, name = '', c = ''] = /^(.*)\.(c?)ts$/.exec(source) ?? []
  return [`${name}.${c}js`, `${name}.d.${c}ts`]
}
