import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { expect } from 'chai'
import fs from 'fs-extra'
import { FileAppender } from '../../lib/appender/file-appender.js'

const run = promisify(execFile)
const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const TSX = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
const DOCUMENTS = [
  'README.md',
  ...fs
    .readdirSync(join(ROOT, 'docs'))
    .filter(name => name.endsWith('.md'))
    .map(name => join('docs', name)),
]

interface Block {
  language: string
  text: string
}

/** The fenced blocks of a document, in their order. */
function blocksOf(document: string): Block[] {
  const text = fs.readFileSync(join(ROOT, document), 'utf8')
  return [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(([, language = '', block = '']) => ({
    language,
    text: block,
  }))
}

/** A pattern for a listing or a log: times, ids and the like may be any. */
function patternOf(text: string): RegExp {
  const escaped = text.trim().replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
  return new RegExp(
    `^${escaped
      .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g, '[0-9a-f-]{36}')
      .replaceAll(/\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\\\.\d{3}/g, String.raw`[0-9T-]{19}\.\d{3}`)
      .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\\\.\d+Z/g, '[0-9T:-]{19}(\\.\\d+)?Z')}$`,
  )
}

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
    for (const [index, { language, text }] of blocks.entries()) {
      const name = `${basename(document, '.md')}-${index}`
      if (language === 'text') continue
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

  it('link to files that exist', () => {
    for (const document of DOCUMENTS) {
      const text = fs.readFileSync(join(ROOT, document), 'utf8')
      for (const [, target = ''] of text.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)) {
        if (target.includes('://')) continue
        const file = join(ROOT, document, '..', target)
        expect(fs.existsSync(file), `${document} links to ${target}`).to.equal(true)
      }
    }
  })
})
