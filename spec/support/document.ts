import fs from 'fs-extra'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The top of the repository. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** The documents whose code is run, by their paths from the top. */
export const DOCUMENTS: readonly string[] = [
  'README.md',
  ...fs
    .readdirSync(join(ROOT, 'docs'))
    .filter(name => name.endsWith('.md'))
    .map(name => join('docs', name)),
]

/** A fenced block of a document. */
export interface Block {
  readonly language: string
  readonly text: string
  /** The nearest heading above it. */
  readonly heading: string
}

/** The fenced blocks of a document, in their order. */
export function blocksOf(document: string): Block[] {
  const text = fs.readFileSync(join(ROOT, document), 'utf8')
  let heading = ''
  const blocks: Block[] = []
  for (const found of text.matchAll(/^#+ ([^\n]*)$|^```(\w*)\n(.*?)^```$/gms)) {
    const [, title, language = '', block = ''] = found
    if (title === undefined) blocks.push({ language, text: block, heading })
    else heading = title
  }
  return blocks
}

/** Whether a block is a server, which goes on until it is ended. */
export function isServer({ language, text }: Block): boolean {
  return language === 'ts' && /\.listen\(/.test(text)
}

/** A pattern for a listing or a log: times, ids and the like may be any. */
export function patternOf(text: string): RegExp {
  const escaped = text.trim().replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
  return new RegExp(
    `^${escaped
      .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g, '[0-9a-f-]{36}')
      .replaceAll(/\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\\\.\d{3}/g, String.raw`[0-9T-]{19}\.\d{3}`)
      .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\\\.\d+Z/g, '[0-9T:-]{19}(\\.\\d+)?Z')}$`,
  )
}
