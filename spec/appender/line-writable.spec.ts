import { once } from 'node:events'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { expect } from 'chai'
import * as fc from 'fast-check'
import { RollkeeperError } from '../../lib/platform/rollkeeper-error.js'
import { LineWritable, type LineSink } from '../../lib/appender/line-writable.js'

const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

/** A sink that keeps lines, and acknowledges them when it is told to. */
class Sink implements LineSink {
  readonly lines: Uint8Array[] = []
  /** Settle the acknowledgements that are owed, in their order. */
  readonly owed: { resolve: () => void; reject: (error: Error) => void }[] = []
  readonly #patient: boolean

  constructor({ patient = false } = {}) {
    this.#patient = patient
  }

  get texts(): string[] {
    return this.lines.map(line => Buffer.from(line).toString())
  }

  write(line: Uint8Array): boolean {
    this.lines.push(Uint8Array.from(line))
    return true
  }

  append(line: Uint8Array): Promise<void> {
    this.write(line)
    if (!this.#patient) return Promise.resolve()
    return new Promise((resolve, reject) => this.owed.push({ resolve, reject }))
  }
}

/** The lines that a stream makes of these chunks. */
async function linesOf(chunks: (Uint8Array | string)[]): Promise<Sink> {
  const sink = new Sink()
  const stream = new LineWritable(sink)
  for (const chunk of chunks) stream.write(chunk)
  stream.end()
  await once(stream, 'finish')
  return sink
}

/** What one would expect: a slow way to the lines of a text of bytes. */
function slowLines(bytes: Uint8Array): number[][] {
  const lines: number[][] = [[]]
  for (const byte of bytes) {
    lines.at(-1)!.push(byte)
    if (byte === 0x0a) lines.push([])
  }
  const last = lines.pop()!
  return last.length > 0 ? [...lines, [...last, 0x0a]] : lines
}

describe('LineWritable', () => {
  it('cuts a chunk into lines', async () => {
    expect((await linesOf(['one\ntwo\n\nfour\n'])).texts).to.deep.equal([
      'one\n',
      'two\n',
      '\n',
      'four\n',
    ])
  })

  it('gives the last line an end where it has none', async () => {
    expect((await linesOf(['one\ntw', 'o'])).texts).to.deep.equal(['one\n', 'two\n'])
    expect((await linesOf(['o', 'n', 'e'])).texts).to.deep.equal(['one\n'])
  })

  it('makes no line of nothing', async () => {
    expect((await linesOf([])).texts).to.deep.equal([])
  })

  it('makes no line of empty chunks, and loses none by them', async () => {
    for (const chunks of [[''], ['', ''], ['one\n', ''], ['', 'one\n'], ['on', '', 'e\n', '']]) {
      const expected = chunks.join('') === '' ? [] : ['one\n']
      expect((await linesOf(chunks)).texts, JSON.stringify(chunks)).to.deep.equal(expected)
    }
  })

  it('puts together a character that chunks cut', async () => {
    const bytes = Buffer.from('5 € für 🦉\nund ü\n')
    const single = Array.from(bytes, byte => Uint8Array.of(byte))
    expect((await linesOf(single)).texts).to.deep.equal(['5 € für 🦉\n', 'und ü\n'])
  })

  it('leaves bytes that are no text, carriage returns and zeros as they are', async () => {
    const bytes = Uint8Array.of(0xff, 0x00, 0x0d, 0x0a, 0xc3, 0x0a, 0x0d, 0x0a)
    expect((await linesOf([bytes])).lines.map(line => [...line])).to.deep.equal([
      [0xff, 0x00, 0x0d, 0x0a],
      [0xc3, 0x0a],
      [0x0d, 0x0a],
    ])
  })

  it('takes text in any encoding', async () => {
    const sink = new Sink()
    const stream = new LineWritable(sink)
    stream.write('fc0a', 'hex')
    stream.end('ü\n', 'latin1')
    await once(stream, 'finish')
    expect(sink.lines.map(line => [...line])).to.deep.equal([
      [0xfc, 0x0a],
      [0xfc, 0x0a],
    ])
  })

  it('makes the same lines of the same bytes, in whatever pieces they come', async () => {
    const byte = fc.oneof({ weight: 1, arbitrary: fc.constant(0x0a) }, fc.nat({ max: 255 }))
    const pieces = fc.array(fc.array(byte, { minLength: 1, maxLength: 9 }), { maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(pieces, async chunks => {
        const { lines } = await linesOf(chunks.map(chunk => Uint8Array.from(chunk)))
        expect(lines.map(line => [...line])).to.deep.equal(
          slowLines(Uint8Array.from(chunks.flat())),
        )
      }),
      { numRuns: 500 },
    )
  })

  it('keeps a piece of a line when its chunk is used again for other bytes', async () => {
    const sink = new Sink()
    const stream = new LineWritable(sink)
    const chunk = Buffer.from('zero\none')
    await new Promise(resolve => stream.write(chunk, resolve))
    chunk.fill('x')
    const more = Buffer.from(' and')
    await new Promise(resolve => stream.write(more, resolve))
    more.fill('x')
    stream.end(' more\n')
    await once(stream, 'finish')
    expect(sink.texts).to.deep.equal(['zero\n', 'one and more\n'])
  })

  it('is done with a chunk, and looks at the next, when its lines are acknowledged', async () => {
    const sink = new Sink({ patient: true })
    const stream = new LineWritable(sink)
    const done: string[] = []
    stream.write('one\ntwo\nth', () => done.push('first'))
    stream.write('ree\n', () => done.push('second'))
    await turn()
    expect(sink.texts).to.deep.equal(['one\n', 'two\n'])
    sink.owed.pop()!.resolve()
    await turn()
    expect(done).to.deep.equal([])
    sink.owed.shift()!.resolve()
    await turn()
    expect(sink.texts).to.deep.equal(['one\n', 'two\n', 'three\n'])
    expect(done).to.deep.equal(['first'])
    sink.owed.shift()!.resolve()
    await turn()
    expect(done).to.deep.equal(['first', 'second'])
  })

  it('holds back whoever writes into it while acknowledgements are owed', async () => {
    const sink = new Sink({ patient: true })
    let read = 0
    const source = Readable.from(
      (function* () {
        for (; read < 1000; read++) yield Buffer.from(`${'x'.repeat(999)}\n`)
      })(),
    )
    const over = pipeline(source, new LineWritable(sink))
    for (let turns = 0; turns < 50; turns++) await turn()
    expect(sink.lines).to.have.length(1)
    expect(read).to.be.lessThan(100)
    while (sink.lines.length < 1000 || sink.owed.length > 0) {
      sink.owed.shift()?.resolve()
      await turn()
    }
    await over
    expect(sink.lines).to.have.length(1000)
  })

  it('finishes when the last line is acknowledged, also one that it gave its end', async () => {
    for (const text of ['one\n', 'one']) {
      const sink = new Sink({ patient: true })
      const stream = new LineWritable(sink)
      let finished = false
      stream.on('finish', () => (finished = true))
      stream.end(text)
      await turn()
      expect(sink.texts).to.deep.equal(['one\n'])
      expect(finished).to.equal(false)
      sink.owed.shift()!.resolve()
      await once(stream, 'finish')
    }
  })

  it('fails as the sink fails, wherever it does', async () => {
    const refusal = new Error('the log is closed')
    for (const [text, broken] of [
      ['one\n', { append: () => Promise.reject(refusal) }],
      ['one', { append: () => Promise.reject(refusal) }],
      [
        'one\ntwo\n',
        {
          write() {
            throw refusal
          },
        },
      ],
    ] as const) {
      const sink = Object.assign(new Sink(), broken)
      const error: unknown = await pipeline([text], new LineWritable(sink)).catch(
        (cause: unknown) => cause,
      )
      expect(error).to.equal(refusal)
    }
  })

  it('goes on after a line that the log drops, as it is told to', async () => {
    const dropped = new RollkeeperError('ERR_ROLLKEEPER_DROPPED', 'dropped')
    const sink = new Sink()
    const append = sink.append.bind(sink)
    sink.append = line =>
      Buffer.from(line).toString().startsWith('drop') ? Promise.reject(dropped) : append(line)
    await pipeline(['one\ndrop\ntwo\n', 'three\ndrop'], new LineWritable(sink))
    expect(sink.texts).to.deep.equal(['one\n', 'two\n', 'three\n'])
  })

  it('goes on after answers of false, which only tell those who do not wait', async () => {
    const sink = Object.assign(new Sink(), {
      write(line: Uint8Array) {
        sink.lines.push(Uint8Array.from(line))
        return false
      },
    })
    await pipeline(['one\ntwo\n', 'three'], new LineWritable(sink))
    expect(sink.texts).to.deep.equal(['one\n', 'two\n', 'three\n'])
  })
})
