import { expect } from 'chai'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { assertLines, LINE_BYTES, LINE_COUNT, lineAt, lines } from '../../benchmarks/lines.js'

const OLDER = 'audit-2026-01-01T00-00-00.000.log'
const NEWER = 'audit-2026-01-01T00-00-01.000.log'

describe('lines', () => {
  it('are all different, of 200 bytes, and end', () => {
    expect(new Set(lines).size).to.equal(LINE_COUNT)
    for (const line of lines) {
      expect(Buffer.byteLength(line)).to.equal(LINE_BYTES)
      expect(line.indexOf('\n')).to.equal(LINE_BYTES - 1)
    }
    expect(lineAt(LINE_COUNT + 3)).to.equal(lines[3])
  })
})

describe('assertLines', () => {
  let directory: string

  beforeEach(() => {
    directory = fs.mkdtempSync(join(tmpdir(), 'rollkeeper-spec-'))
  })

  afterEach(() => {
    fs.rmSync(directory, { recursive: true })
  })

  /** Puts the lines at these positions into a file. */
  function put(name: string, positions: readonly number[]): void {
    fs.writeFileSync(join(directory, name), positions.map(lineAt).join(''))
  }

  const range = (from: number, to: number): number[] =>
    Array.from({ length: to - from }, (_, index) => from + index)

  it('passes lines in order over backups and the active file, past the last different one', () => {
    put('audit.log', range(9_000, 12_000))
    put(OLDER, range(0, 4_000))
    put(NEWER, range(4_000, 9_000))
    assertLines(directory, 12_000)
  })

  it('refuses a line too few, and one too many', () => {
    put('audit.log', range(0, 10))
    expect(() => assertLines(directory, 11)).to.throw('bytes over all files')
    expect(() => assertLines(directory, 9)).to.throw('bytes over all files')
  })

  it('refuses lines that changed places, within a file or by the names of two', () => {
    put('audit.log', [0, 2, 1, 3])
    expect(() => assertLines(directory, 4)).to.throw('wrong bytes')
    put('audit.log', [2, 3])
    put(OLDER, [1])
    put(NEWER, [0])
    expect(() => assertLines(directory, 4)).to.throw('wrong bytes')
  })

  it('refuses a line that a file boundary cuts', () => {
    fs.writeFileSync(join(directory, OLDER), lineAt(0).slice(0, 50))
    fs.writeFileSync(join(directory, 'audit.log'), lineAt(0).slice(50))
    expect(() => assertLines(directory, 1)).to.throw('ends within a line')
  })
})
