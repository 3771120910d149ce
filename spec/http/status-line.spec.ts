import { expect } from 'chai'
import { StatusLineReader } from '../../lib/http/status-line.js'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'

/** What a new reader answers to each of these chunks. */
function readAll(...chunks: unknown[]): (number | undefined)[] {
  const reader = new StatusLineReader()
  return chunks.map(chunk => reader.read(chunk))
}

describe('StatusLineReader', () => {
  it('reads the code of a header in one piece, text or bytes', () => {
    expect(readAll(OK)).to.deep.equal([200])
    expect(readAll(Buffer.from(OK))).to.deep.equal([200])
    expect(readAll(new Uint8Array(Buffer.from(OK)))).to.deep.equal([200])
    expect(readAll('HTTP/1.0 404 Not Found\r\n\r\n')).to.deep.equal([404])
    expect(readAll('HTTP/1.1 999\r\n')).to.deep.equal([999])
  })

  it('reads a header that comes in pieces, wherever it is cut', () => {
    for (let cut = 1; cut < 12; cut++) {
      const answers = readAll(OK.slice(0, cut), Buffer.from(OK.slice(cut)))
      expect(answers, `cut at ${cut}`).to.deep.equal([undefined, 200])
    }
    const bytes = OK.slice(0, 12).split('')
    expect(readAll(...bytes)).to.deep.equal([...Array<undefined>(11).fill(undefined), 200])
  })

  it('skips interim answers, alone or with what follows, in whatever pieces', () => {
    const interim = 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n'
    expect(readAll(interim, OK)).to.deep.equal([undefined, 200])
    expect(readAll(interim + OK)).to.deep.equal([200])
    const all = interim + OK
    for (let cut = 1; cut < interim.length + 12; cut++) {
      expect(readAll(all.slice(0, cut), all.slice(cut)), `cut at ${cut}`).to.deep.equal([
        undefined,
        200,
      ])
    }
  })

  it('takes 101 for an answer, as nothing of HTTP follows it', () => {
    expect(readAll('HTTP/1.1 101 Switching Protocols\r\n\r\n')).to.deep.equal([101])
    expect(readAll('HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 101 x\r\n\r\n')).to.deep.equal([101])
  })

  it('finds nothing in what is no HTTP, nor after it in the same piece', () => {
    expect(readAll(`220 mail.example ESMTP\r\n${OK}`)).to.deep.equal([undefined])
    expect(readAll('HTTP/2.0 200 OK\r\n\r\n', 'HTTP/1.1 099 x\r\n\r\n')).to.deep.equal([
      undefined,
      undefined,
    ])
    expect(readAll('no such thing\r\n', OK)).to.deep.equal([undefined, 200])
  })

  it('bears whatever else a socket is written', () => {
    expect(readAll(undefined, null, 42, '', new Uint8Array(0), OK)).to.deep.equal([
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
      200,
    ])
  })

  it('keeps no more than a header of an interim answer can be', () => {
    const reader = new StatusLineReader()
    reader.read('HTTP/1.1 100 Continue\r\n')
    for (let count = 0; count < 100; count++)
      expect(reader.read('x'.repeat(10_000))).to.be.undefined
    expect(reader.read(`\r\n\r\n${OK}`)).to.equal(undefined)
  })
})
