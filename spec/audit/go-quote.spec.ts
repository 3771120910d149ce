import { expect } from 'chai'
import { goQuote, goUnquote } from '../../lib/audit/go-quote.js'
import { readVectors } from '../golden/vectors.js'
import { mistyped } from './mistyped.js'

interface QuoteVector {
  in_b64: string
  in: string
  out: string
}

const vectors = readVectors<QuoteVector>('goquote.jsonl')

/** Whether the bytes of a vector are UTF-8, so that its lossy text is not lossy. */
function isText({ in_b64 }: QuoteVector): boolean {
  const bytes = Buffer.from(in_b64, 'base64')
  return Buffer.from(bytes.toString()).equals(bytes)
}

describe('goQuote', () => {
  it('quotes bytes as Go does, in every golden vector', () => {
    for (const { in_b64, out } of vectors) {
      expect(goQuote(new Uint8Array(Buffer.from(in_b64, 'base64')))).to.equal(out)
    }
  })

  it('quotes strings as Go does, in every golden vector that is text', () => {
    const texts = vectors.filter(isText)
    expect(texts.length).to.be.above(300)
    for (const vector of texts) {
      expect(goQuote(Buffer.from(vector.in_b64, 'base64').toString())).to.equal(vector.out)
    }
  })

  it('escapes the next-line control, which the golden vectors lack', () => {
    expect(goQuote('\u0085')).to.equal('"\\u0085"')
    expect(goQuote('a\u0085b')).to.equal('"a\\u0085b"')
  })

  it('writes a lone surrogate as U+FFFD and keeps a pair', () => {
    expect(goQuote('a\ud800b')).to.equal('"a\ufffdb"')
    expect(goQuote('\udc00')).to.equal('"\ufffd"')
    expect(goQuote('\ud83d\udc4d')).to.equal('"👍"')
  })

  it('escapes bytes that are no UTF-8 one at a time', () => {
    const quoted = (...bytes: number[]): string => goQuote(Uint8Array.from(bytes))
    expect(quoted(0x61, 0xff, 0x62)).to.equal('"a\\xffb"')
    expect(quoted(0xe2, 0x82)).to.equal('"\\xe2\\x82"')
    expect(quoted(0xed, 0xa0, 0x80)).to.equal('"\\xed\\xa0\\x80"')
    expect(quoted(0xc0, 0x80)).to.equal('"\\xc0\\x80"')
    expect(quoted(0xf4, 0x90, 0x80, 0x80)).to.equal('"\\xf4\\x90\\x80\\x80"')
    expect(quoted(0xc3, 0xa9, 0x80, 0x22)).to.equal('"é\\x80\\""')
    expect(quoted(0xef, 0xbb, 0xbf, 0xff)).to.equal('"\\ufeff\\xff"')
  })

  it('reads only the bytes of a view on a larger buffer', () => {
    expect(goQuote(Buffer.from('xx-yes-xx').subarray(3, 6))).to.equal('"yes"')
  })

  it('refuses what is neither a string nor bytes', () => {
    expect(() => goQuote(mistyped(42))).to.throw(
      TypeError,
      'goQuote(text): expected a string or a Uint8Array, got 42',
    )
  })
})

describe('goUnquote', () => {
  it('gives back the bytes of every golden vector', () => {
    for (const { in_b64, out } of vectors) {
      const bytes = goUnquote(out, { bytes: true })
      expect(Buffer.from(bytes).toString('base64')).to.equal(in_b64)
    }
  })

  it('gives back the string of every golden vector that is text', () => {
    for (const vector of vectors.filter(isText)) {
      const text = Buffer.from(vector.in_b64, 'base64').toString()
      expect(goUnquote(vector.out)).to.equal(text)
    }
  })

  it('reads every escape of Go, and characters that need none', () => {
    expect(goUnquote('"\\a\\b\\f\\n\\r\\t\\v\\\\\\""')).to.equal('\x07\b\f\n\r\t\v\\"')
    expect(goUnquote('"\\101\\x41\\u0041\\U00000041"')).to.equal('AAAA')
    expect(goUnquote('"\\xc3\\xa9\\303\\251"')).to.equal('éé')
    expect(goUnquote('"\\U0010ffff"')).to.equal('\u{10ffff}')
    expect(goUnquote('"\t\u2028\u0007"')).to.equal('\t\u2028\u0007')
    expect(goUnquote('"a\ud800"')).to.equal('a\ufffd')
  })

  it('gives bytes that are no UTF-8 as they were, or as U+FFFD in a string', () => {
    expect([...goUnquote('"a\\xff"', { bytes: true })]).to.deep.equal([0x61, 0xff])
    expect(goUnquote('"a\\xff"')).to.equal('a\ufffd')
  })

  const refused: [why: string, quoted: string, index: number][] = [
    ['no opening quote', '', 0],
    ['no opening quote', 'a"', 0],
    ['no opening quote', '`a`', 0],
    ['no closing quote', '"', 1],
    ['no closing quote', '"a', 2],
    ['no closing quote', '"a"\n', 4],
    ['a quote inside the text', '"a"b"', 2],
    ['a line end inside the text', '"a\nb"', 2],
    ['an unknown escape', '"a\\"', 2],
    ['an unknown escape', `"\\'"`, 1],
    ['an unknown escape', '"\\e"', 1],
    ['an unknown escape', '"\\x4"', 1],
    ['an unknown escape', '"\\x4g"', 1],
    ['an unknown escape', '"\\u004"', 1],
    ['an unknown escape', '"\\U0000004"', 1],
    ['an unknown escape', '"\\08"', 1],
    ['an octal escape above 377', '"\\400"', 1],
    ['an escape of no character', '"\\ud800"', 1],
    ['an escape of no character', '"\\U0000dfff"', 1],
    ['an escape of no character', '"\\U00110000"', 1],
  ]
  for (const [why, quoted, index] of refused) {
    it(`refuses ${JSON.stringify(quoted)}: ${why}`, () => {
      expect(() => goUnquote(quoted)).to.throw(
        SyntaxError,
        `goUnquote(quoted): ${why} at index ${index}`,
      )
    })
  }

  it('refuses what is no string', () => {
    expect(() => goUnquote(mistyped(undefined))).to.throw(TypeError, 'expected a string')
  })
})
