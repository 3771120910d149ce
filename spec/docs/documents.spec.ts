import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { expect } from 'chai'
import fs from 'fs-extra'
import { FileAppender } from '../../lib/appender/file-appender.js'
import { auditGapEvent, formatEvent } from '../../lib/audit/audit-event.js'
import { blocksOf, DOCUMENTS, isServer, patternOf, ROOT } from '../support/document.js'

const run = promisify(execFile)
const TSX = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
describe('the documents', function () {
  this.timeout(60_000)
  let directory = ''

  before(async () => {
    directory = fs.mkdtempSync(join(tmpdir(), 'rollkeeper-docs-'))
    await fs.ensureDir(join(directory, 'bin'))
    const program = join(ROOT, 'dist', 'esm', 'cli', 'main.js')
    fs.chmodSync(program, 0o755)
    fs.symlinkSync(program, join(directory, 'bin', 'rollkeeper'))
  })

  after(() => Promise.all([fs.remove(directory), fs.remove(join(ROOT, 'dist', 'blocks'))]))

  /** Runs a block as a program that has the package, in a directory of its own. */
  async function runTypeScript(text: string, name: string): Promise<string> {
    const program = join(ROOT, 'dist', 'blocks', `${name}.ts`)
    const cwd = join(directory, name)
    fs.outputFileSync(program, text)
    await fs.ensureDir(cwd)
    await run(process.execPath, ['--import', TSX, program], { cwd })
    return cwd
  }

  /**
   * Runs the lines of a block, in one directory for all of a document. What npm runs is proved by
   * other specs, so it only has to exist.
   */
  async function runShell(text: string, name: string): Promise<void> {
    const cwd = join(directory, name)
    await fs.ensureDir(cwd)
    const { scripts, name: own } = fs.readJsonSync(join(ROOT, 'package.json'))
    const known = [`npm install ${own}`, 'npm ci && npm run demo', 'npm ci && npm test']
    for (const line of text.trim().split('\n')) {
      if (line.startsWith('npm ')) {
        expect(known).to.include(line)
        continue
      }
      const env = { ...process.env, PATH: `${join(directory, 'bin')}:${process.env.PATH}` }
      await run('bash', ['-euo', 'pipefail', '-c', line], { cwd, env })
    }
    expect(scripts).to.include.keys('test', 'demo')
  }

  for (const document of DOCUMENTS) {
    const blocks = blocksOf(document)
    for (const [index, block] of blocks.entries()) {
      const { language, text } = block
      const name = `${basename(document, '.md')}-${index}`
      if (language === 'text' || isServer(block)) continue // servers: http.spec.ts
      it(`${document}: block ${index + 1} (${language}) runs as it stands`, async () => {
        expect(language).to.be.oneOf(['ts', 'sh'])
        if (language === 'sh') return runShell(text, `${basename(document, '.md')}-shell`)
        const cwd = await runTypeScript(text, name)
        const shown = blocks[index + 1]
        if (shown?.language !== 'text') return
        const names = fs.readdirSync(join(cwd, 'logs')).sort().join('\n')
        const content = fs.readFileSync(join(cwd, 'logs', 'audit.log'), 'utf8')
        const expected = shown.text.replace(/^\$ ls logs\n/, '')
        expect(shown.text.startsWith('$ ls') ? names : content.trim()).to.match(patternOf(expected))
      })
    }
  }

  it('name methods and options that exist, and all of them', () => {
    const readme = fs.readFileSync(join(ROOT, 'README.md'), 'utf8')
    const [, methods = ''] = /^Methods: (.*?)\./ms.exec(readme) ?? []
    const named = [...methods.matchAll(/`(\w+)`/g)].map(([, name]) => name)
    const own = Object.getOwnPropertyNames(FileAppender.prototype)
    expect(named).to.have.members(own.filter(name => name !== 'constructor'))

    const source = fs.readFileSync(join(ROOT, 'lib', 'appender', 'options.ts'), 'utf8')
    const [, declared = ''] = /interface FileAppenderOptions \{(.*?)^\}/ms.exec(source) ?? []
    const options = [...declared.matchAll(/^ {2}(\w+)\??:/gm)].map(([, name]) => name)
    const [, table = ''] = /^## Options\n(.*?)^##/ms.exec(readme) ?? []
    for (const option of options) expect(table).to.include(`\`${option}\``)
  })

  it('have a section for each error code', () => {
    const source = fs.readFileSync(join(ROOT, 'lib', 'platform', 'rollkeeper-error.ts'), 'utf8')
    const codes = [...source.matchAll(/^ {2}\| '(\w+)'/gm)].map(([, code]) => `## ${code}`)
    const headings = fs.readFileSync(join(ROOT, 'docs', 'errors.md'), 'utf8').match(/^## .*$/gm)
    expect(headings).to.have.members(codes)
  })

  it('link to files and headings that exist', () => {
    for (const document of DOCUMENTS) {
      const text = fs.readFileSync(join(ROOT, document), 'utf8')
      for (const [, target = '', anchor] of text.matchAll(/\]\(([^)#]*)(?:#([^)]*))?\)/g)) {
        if (target.includes('://')) continue
        const file = target === '' ? join(ROOT, document) : join(ROOT, document, '..', target)
        expect(fs.existsSync(file), `${document} links to ${target}`).to.equal(true)
        if (anchor === undefined) continue
        const headings = fs.readFileSync(file, 'utf8').match(/^#+ .*$/gm) ?? []
        expect(headings.map(anchorOf), `${document} links to ${target}`).to.include(anchor)
      }
    }
  })

  it('show events and gaps as they are written', () => {
    const blocks = blocksOf('docs/format.md').filter(({ heading }) => heading === 'JSON events')
    const lines = blocks.flatMap(({ text }) => text.split(/(?<=\n)/))
    expect(lines).to.have.lengthOf(3)
    for (const line of lines) {
      const { requestReceivedTimestamp, stageTimestamp, ...shown } = JSON.parse(line)
      const time = new Date(stageTimestamp)
      const received = new Date(requestReceivedTimestamp)
      const event = { ...shown, requestReceivedTimestamp: received, stageTimestamp: time }
      const written = shown.kind === 'Gap' ? auditGapEvent({ ...shown, time }) : formatEvent(event)
      expect(written).to.equal(line)
    }
  })
})

/** How the pages that show Markdown name a heading in a link. */
function anchorOf(heading: string): string {
  const title = heading.replace(/^#+ /, '').toLowerCase()
  return title.replaceAll(/[^\w -]/g, '').replaceAll(' ', '-')
}
