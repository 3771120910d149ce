import { expect } from 'chai'
import { print } from '../../lib/cli/output.js'

type Write = typeof process.stdout.write

describe('print', () => {
  const write = process.stdout.write.bind(process.stdout)
  let written: string[]

  /** Puts a standard output in place that answers each write with what it is given. */
  function answer(code?: string): void {
    written = []
    process.stdout.write = ((text: string, done: (error?: Error) => void) => {
      written.push(text)
      setImmediate(done, code === undefined ? undefined : Object.assign(new Error(code), { code }))
      return false
    }) as Write
  }

  /** Pieces of 1000 characters, and how many of them were asked for. */
  function* pieces(count: number, asked = { count: 0 }): Generator<string> {
    for (; asked.count < count; asked.count++) yield 'x'.repeat(1000)
  }

  afterEach(() => {
    process.stdout.write = write
  })

  it('writes everything, some pieces at a time', async () => {
    answer()
    await print(pieces(1000))
    const texts = written.slice()
    process.stdout.write = write
    expect(texts.join('')).to.have.lengthOf(1_000_000)
    expect(texts).to.have.lengthOf.within(10, 20)
  })

  it('writes nothing where there is nothing', async () => {
    answer()
    await print([])
    await print([''])
    process.stdout.write = write
    expect(written).to.deep.equal([])
  })

  for (const code of ['EPIPE', 'ERR_STREAM_DESTROYED']) {
    it(`stops when nobody reads any more (${code})`, async () => {
      const asked = { count: 0 }
      answer(code)
      await print(pieces(1000, asked))
      process.stdout.write = write
      expect(written).to.have.lengthOf(1)
      expect(asked.count).to.be.below(100)
    })
  }

  it('rejects with why it cannot be written', async () => {
    answer('ENOSPC')
    const error: unknown = await print(['x']).catch((reason: unknown) => reason)
    process.stdout.write = write
    expect(error).to.be.an('error').with.property('message').that.includes('ENOSPC')
  })
})
