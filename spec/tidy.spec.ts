import { expect } from 'chai'
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import { basename, dirname, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A file of `lib/`: its path below `lib/`, with slashes, and its text. */
interface Source {
  readonly path: string
  readonly text: string
}

/** Folders of `lib/`, and those that each may import besides itself. */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  arguments: [],
  platform: ['arguments'],
  backup: ['arguments', 'platform'],
  rotation: ['arguments', 'platform', 'backup'],
  retention: ['arguments', 'platform', 'backup'],
  appender: ['arguments', 'platform', 'backup', 'rotation', 'retention'],
  audit: ['arguments', 'platform', 'backup', 'rotation', 'retention'], // a log is what can append
  http: ['arguments', 'platform', 'audit'],
  adapters: ['arguments', 'platform', 'backup', 'rotation', 'retention', 'appender', 'audit'],
  cli: ['arguments', 'platform', 'backup', 'rotation', 'retention', 'appender', 'audit'],
}

const CLOCKS = new Set(['platform/clock.ts', 'platform/nano-clock.ts', 'platform/time-slice.ts'])
const LINES_MAX = 400

/** Files that are CommonJS in both builds, for what only that can do. */
const COMMON_JS = new Set(['platform/optional-module.cts'])

/** Files of `lib/` without a spec of their own, and why. */
const WITHOUT_SPEC: Readonly<Record<string, string>> = {
  'audit/audit-record.ts': 'types only',
  'platform/platform.ts': 'a type, and the one object that has the real disk and clock',
}

/** What may stand at the top of the repository, besides dotfiles. */
const TOP_LEVEL = [
  'CHANGELOG.md',
  'LICENSE',
  'README.md',
  'benchmarks',
  'docs',
  'lib',
  'package-lock.json',
  'package.json',
  'spec',
  'tsconfig.json',
]

const root = fileURLToPath(new URL('..', import.meta.url))

/** All that is imported, by any of the ways there are, in the words of the source. */
function importsOf({ text }: Source): string[] {
  const from = /^\s*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]/gm
  const bare = /^\s*import\s*['"]([^'"]+)['"]/gm
  const called = /\b(?:import|require)\(\s*['"`]([^'"`]+)['"`]/g
  const code = withoutComments(text)
  return [from, bare, called].flatMap(form => [...code.matchAll(form)].map(match => match[1] ?? ''))
}

/** Imports of a file that its layer does not allow, or that reach past `disk.ts`. */
function wrongImports(source: Source): string[] {
  const wrong: string[] = []
  for (const specifier of importsOf(source)) {
    if (/^(?:(?:node:)?fs(?:\/promises)?|fs-extra)$/.test(specifier)) {
      if (source.path !== 'platform/disk.ts') wrong.push(specifier)
    } else if (specifier.startsWith('.') && !mayImport(source.path, specifier)) {
      wrong.push(specifier)
    }
  }
  return wrong
}

function mayImport(path: string, specifier: string): boolean {
  const target = posix.join(posix.dirname(path), specifier)
  const extension = COMMON_JS.has(target.replace(/\.cjs$/, '.cts')) ? 'cjs' : 'js'
  const form = new RegExp(`^(?:[a-z0-9-]+/)*[a-z0-9-]+\\.${extension}$`)
  if (!form.test(target)) return false
  if (posix.basename(target) === 'index.js') return false
  if (path === 'index.ts') return true
  const from = layerOf(path)
  const to = layerOf(target)
  return from === to || (LAYERS[from] ?? []).includes(to)
}

function layerOf(path: string): string {
  return path.includes('/') ? (path.split('/')[0] ?? '') : ''
}

/** Words in the code of a file that belong elsewhere. */
function wrongWords({ path, text }: Source): string[] {
  const clock = /\bDate\.now\b|\bnew Date\(\s*\)|\bperformance\.now\b|\bprocess\.hrtime\b/g
  const code = withoutComments(text)
  const words = CLOCKS.has(path) ? [] : (code.match(clock) ?? [])
  return [...words, ...(code.match(/\bconsole\./g) ?? [])]
}

/** What is wrong with the name, the place or the length of a file. */
function wrongShape({ path, text }: Source): string[] {
  const wrong: string[] = []
  const extension = COMMON_JS.has(path) ? '.cts' : '.ts'
  const name = basename(path, extension)
  const isKebabCase = /^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(name)
  if (!isKebabCase) wrong.push('not kebab-case')
  if (/^(?:utils?|helpers?|types?)$/.test(name)) wrong.push(`a file named ${name}`)
  if (path !== 'index.ts' && !(layerOf(path) in LAYERS)) wrong.push('in no layer')
  const lines = text.trimEnd().split('\n').length
  if (lines > LINES_MAX) wrong.push(`${lines} lines`)
  return wrong
}

/** Exported declarations that no docstring goes before. */
function undocumented({ text }: Source): string[] {
  const lines = text.split('\n')
  const declared =
    /^export (?:default )?(?:declare )?(?:async )?(?:function\*?|abstract class|class|interface|type|const|let|enum) *([\w$]+)/
  return lines.flatMap((line, index) => {
    const name = declared.exec(line)?.[1]
    if (name === undefined || lines[index - 1]?.trimEnd().endsWith('*/')) return []
    return overloaded(lines, index, name) ? [] : [name]
  })
}

/** Whether this is one more form of the function right above, whose docstring is for all. */
function overloaded(lines: readonly string[], index: number, name: string): boolean {
  return new RegExp(String.raw`^export function ${name}\b.*[^{]$`).test(lines[index - 1] ?? '')
}

/** Cuts comments out, and leaves what looks like one within quotes. */
function withoutComments(text: string): string {
  const quoted = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/
  const comment = /\/\*[\s\S]*?\*\/|\/\/.*/
  return text.replace(new RegExp(`(${quoted.source})|${comment.source}`, 'g'), '$1')
}

function readSources(): Source[] {
  const paths = fs.readdirSync(join(root, 'lib'), { recursive: true, encoding: 'utf8' })
  return paths
    .filter(path => /\.[cm]?ts$/.test(path))
    .map(path => ({
      path: path.replaceAll('\\', '/'),
      text: fs.readFileSync(join(root, 'lib', path), 'utf8'),
    }))
}

/** Lists what a check finds, each with its file: empty where all is well. */
function found(check: (source: Source) => string[]): string[] {
  return readSources().flatMap(source => check(source).map(what => `lib/${source.path}: ${what}`))
}

/** Names at the top of the repository that are kept in it; of an unpacked copy, all but ignored. */
function topLevel(): string[] {
  const names = new Set(trackedFiles().map(path => path.split('/')[0] ?? ''))
  if (names.size > 0) return [...names]
  const ignored = fs.readFileSync(join(root, '.gitignore'), 'utf8').split('\n')
  return fs.readdirSync(root).filter(name => !ignored.includes(`${name}/`))
}

function trackedFiles(): string[] {
  if (!fs.existsSync(join(root, '.git'))) return []
  const args = ['-c', 'safe.directory=*', 'ls-files', '-z']
  return execFileSync('git', args, { cwd: root, encoding: 'utf8' }).split('\0').filter(Boolean)
}

describe('lib', () => {
  it('imports go down only, none reaches an index, and the file system is behind one file', () => {
    expect(found(wrongImports)).to.deep.equal([])
  })

  it('asks for the time in the clocks only, and prints nothing', () => {
    expect(found(wrongWords)).to.deep.equal([])
  })

  it('has a noun for each file, in a layer, of a length that can be read', () => {
    expect(found(wrongShape)).to.deep.equal([])
  })

  it('documents whatever it exports', () => {
    expect(found(undocumented)).to.deep.equal([])
  })

  it('has a spec for each file, at the same place', () => {
    const missing = readSources()
      .map(({ path }) => path)
      .filter(path => basename(path) !== 'index.ts' && !(path in WITHOUT_SPEC))
      .filter(path => !fs.existsSync(join(root, 'spec', path.replace(/\.c?ts$/, '.spec.ts'))))
    expect(missing).to.deep.equal([])
  })

  it('has no exception that is not one any more', () => {
    const paths = readSources().map(({ path }) => path)
    expect(paths).to.include.members(Object.keys(WITHOUT_SPEC))
    for (const path of Object.keys(WITHOUT_SPEC)) {
      const spec = join(root, 'spec', dirname(path), basename(path).replace(/\.ts$/, '.spec.ts'))
      expect(fs.existsSync(spec), spec).to.equal(false)
    }
  })
})

describe('the top of the repository', () => {
  it('has what it is to have and no more, but for dotfiles', () => {
    const names = topLevel().filter(name => !name.startsWith('.'))
    expect(names.sort()).to.deep.equal(TOP_LEVEL)
  })
})

describe('the checks themselves', () => {
  const source = (path: string, text: string): Source => ({ path, text })

  it('see each way of importing, over several lines too, and not what a comment says', () => {
    const text = `import './a.js'
import type { B } from './b.js'
import c, {
  type D,
  d,
} from './c.js'
export * from './e.js'
export { f } from "./f.js"
// import g from './g.js'
/* import('./h.js') */
const i = await import('./i.js')
const j = require('./j.js')
type K = import('./k.js').K
const l = Array.from(['./l.js'])`
    const seen = importsOf(source('appender/x.ts', text)).sort()
    expect(seen.map(path => path[2]).join('')).to.equal('abcefijk')
  })

  it('refuse imports that go up or across, or to an index', () => {
    const wrong = (path: string, specifier: string): boolean =>
      wrongImports(source(path, `import type { X } from '${specifier}'`)).length > 0
    expect(wrong('backup/x.ts', '../rotation/rotation.js')).to.equal(true)
    expect(wrong('rotation/x.ts', '../retention/prune.js')).to.equal(true)
    expect(wrong('audit/x.ts', '../appender/file-appender.js')).to.equal(true)
    expect(wrong('appender/x.ts', '../index.js')).to.equal(true)
    expect(wrong('cli/x.ts', '../audit/index.js')).to.equal(true)
    expect(wrong('index.ts', './audit/index.js')).to.equal(true)
    expect(wrong('cli/x.ts', '../../spec/x.js')).to.equal(true)
    expect(wrong('appender/x.ts', './y.ts')).to.equal(true)
    expect(wrong('appender/x.ts', './y.cjs')).to.equal(true)
    expect(wrong('platform/x.ts', './optional-module.cjs')).to.equal(false)
    expect(wrong('appender/x.ts', '../backup/backup.js')).to.equal(false)
    expect(wrong('appender/x.ts', './y.js')).to.equal(false)
    expect(wrong('index.ts', './appender/file-appender.js')).to.equal(false)
    expect(wrong('platform/x.ts', 'date-fns/add')).to.equal(false)
  })

  it('refuse the file system elsewhere, by any of its names', () => {
    for (const name of ['node:fs', 'fs', 'node:fs/promises', 'fs/promises', 'fs-extra']) {
      const text = `const x = await import('${name}')`
      expect(wrongImports(source('platform/disk.ts', text))).to.deep.equal([])
      expect(wrongImports(source('platform/clock.ts', text))).to.deep.equal([name])
    }
  })

  it('refuse a look at the clock elsewhere, and printing', () => {
    const text = `const now = () => Date.now() // not Date.now()
      const other = [new Date( ), new Date(0), performance.now(), 'http://x /*', console.log] /* '
      console.info */ // 'console.warn'`
    const words = ['Date.now', 'new Date( )', 'performance.now', 'console.']
    expect(wrongWords(source('audit/x.ts', text))).to.deep.equal(words)
    expect(wrongWords(source('platform/clock.ts', text))).to.deep.equal(['console.'])
    expect(wrongWords(source('audit/x.ts', '/** By `Date.now()`. */'))).to.deep.equal([])
  })

  it('refuse names that say nothing, files in no layer, and long ones', () => {
    const wrong = (path: string, text = ''): string[] => wrongShape(source(path, text))
    expect(wrong('audit/utils.ts')).to.deep.equal(['a file named utils'])
    expect(wrong('audit/goQuote.ts')).to.deep.equal(['not kebab-case'])
    expect(wrong('audit/go-quote.cts')).to.deep.equal(['not kebab-case'])
    expect(wrong('misc/thing.ts')).to.deep.equal(['in no layer'])
    expect(wrong('audit/x.ts', '\n'.repeat(LINES_MAX) + 'x')).to.deep.equal(['401 lines'])
    expect(wrong('audit/go-quote.ts', '\n'.repeat(LINES_MAX - 1) + 'x\n')).to.deep.equal([])
    expect(wrong('index.ts')).to.deep.equal([])
  })

  it('refuse an export without a docstring, and let re-exports and overloads be', () => {
    const text = `/** Documented. */
export interface A {}
export interface B {}
/** Documented. */

export abstract class C {}
/**
 * Documented.
 */
export async function d(): Promise<void> {}
export type { E } from './e.js'
export { f } from './f.js'
/** Documented. */
export function g(one: string): string
export function g(one: number): number
export const h = 1
const i = 2`
    expect(undocumented(source('audit/x.ts', text))).to.deep.equal(['B', 'C', 'h'])
  })
})
