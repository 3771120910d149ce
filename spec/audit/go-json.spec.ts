import { expect } from 'chai'
import { goJsonMap, goJsonString, goJsonStrings } from '../../lib/audit/go-json.js'

describe('goJsonString', () => {
  const written: [string | Uint8Array, string][] = [
    ['', '""'],
    ['plain /path?a=1#2', '"plain /path?a=1#2"'],
    ['a"b\\c', String.raw`"a\"b\\c"`],
    ['<a href="x">&', String.raw`"\u003ca href=\"x\"\u003e\u0026"`],
    ['\u2028\u2029', String.raw`"\u2028\u2029"`],
    ['\n\r\t', String.raw`"\n\r\t"`],
    ['\0\b\f\v\x1b\x1f', String.raw`"\u0000\u0008\u000c\u000b\u001b\u001f"`],
    ['\x7f\x80\u0085', '"\x7f\x80\u0085"'],
    ['é 🙂 \ufffd', '"é 🙂 \ufffd"'],
    ['a\ud800b\udc00', String.raw`"a\ufffdb\ufffd"`],
    [String.raw`\ud800 \b <`, String.raw`"\\ud800 \\b \u003c"`],
    [Buffer.from('é<'), String.raw`"é\u003c"`],
    [Buffer.from([0x61, 0xff, 0xc3, 0xa9, 0xc3, 0x28, 0x0a]), String.raw`"a\ufffdé\ufffd(\n"`],
    // A surrogate and an overlong form are one byte after the other that is no UTF-8.
    [Buffer.from([0xed, 0xa0, 0x80, 0xc0, 0xaf]), `"${String.raw`\ufffd`.repeat(5)}"`],
    [new Uint8Array(), '""'],
  ]
  for (const [text, json] of written) {
    it(`writes ${JSON.stringify(typeof text === 'string' ? text : [...text])} as Go does`, () => {
      expect(goJsonString(text)).to.equal(json)
    })
  }
})

describe('goJsonStrings', () => {
  it('writes an array without spaces', () => {
    expect(goJsonStrings([])).to.equal('[]')
    expect(goJsonStrings(['a', Buffer.from('b'), '<'])).to.equal(String.raw`["a","b","\u003c"]`)
  })
})

describe('goJsonMap', () => {
  it('sorts keys by their bytes, not by their UTF-16 units or as numbers', () => {
    const map = { '\u{1f642}': 1, '\uffee': 2, b: 3, a: 4, 10: 5, 9: 6, B: 7 }
    expect(goJsonMap(map, String)).to.equal('{"10":5,"9":6,"B":7,"a":4,"b":3,"\uffee":2,"🙂":1}')
    expect(goJsonMap({}, String)).to.equal('{}')
  })

  it('escapes keys, and tells whose value is to be written', () => {
    expect(goJsonMap({ '<': 1 }, (value, key) => `"${key}${value}"`)).to.equal(
      String.raw`{"\u003c":"<1"}`,
    )
  })
})
