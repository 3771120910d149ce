import { expect } from 'chai'
import { isUtf8 } from 'node:buffer'
import { escapeUtf8 } from '../../lib/audit/utf8-sequence.js'

/** Bytes of the sequence at `start`; 0 where there is none. */
function sequenceBytes(bytes: Buffer, start: number): number {
  const shown = escapeUtf8(
    bytes.subarray(start),
    text => text,
    () => '\0none',
  )
  return shown.startsWith('\0none')
    ? 0
    : Buffer.byteLength(String.fromCodePoint(shown.codePointAt(0) ?? 0))
}

describe('escapeUtf8', () => {
  it('measures each code point that UTF-8 can say', () => {
    for (const text of [
      '\0',
      'a',
      '\x7f',
      '\x80',
      '\u07ff',
      '\u0800',
      '\ud7ff',
      '\ue000',
      '\uffff',
    ]) {
      const bytes = Buffer.from(text)
      expect(sequenceBytes(bytes, 0), text).to.equal(bytes.length)
    }
    expect(sequenceBytes(Buffer.from('a\u{10000}'), 1)).to.equal(4)
    expect(sequenceBytes(Buffer.from('\u{10ffff}'), 0)).to.equal(4)
  })

  it('finds none where all three bytes are any bytes, just as Node does', () => {
    const bytes = Buffer.alloc(3)
    for (let lead = 0x80; lead < 0x100; lead++) {
      for (const second of [0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff]) {
        for (const third of [0x7f, 0x80, 0xbf, 0xc0]) {
          bytes.set([lead, second, third])
          const width = sequenceBytes(bytes, 0)
          const valid = [1, 2, 3].find(length => isUtf8(bytes.subarray(0, length))) ?? 0
          expect(width, bytes.toString('hex')).to.equal(valid)
        }
      }
    }
  })

  it('finds none that the end cuts off', () => {
    expect(sequenceBytes(Buffer.from('🙂').subarray(0, 3), 0)).to.equal(0)
  })

  it('gives runs of text whole, and bytes that are none one by one, in their order', () => {
    const bytes = Buffer.concat([Buffer.from('aé'), Buffer.from([0xff, 0xc3]), Buffer.from('日')])
    const shown = escapeUtf8(
      bytes,
      text => `<${text}>`,
      byte => byte.toString(16),
    )
    expect(shown).to.equal('<aé>ff<>c3<日>')
  })
})
