import { expect } from 'chai'
import { visible, visibleJson } from '../../lib/cli/visible-text.js'

/** Each is obeyed by a terminal, or hides what comes after it. */
const OBEYED = [
  '\0',
  '\x07',
  '\n',
  '\r',
  '\t',
  '\x1b',
  '\x7f',
  '\x9b',
  '\u2028',
  '\u202e',
  '\u2066',
]

describe('visible', () => {
  it('leaves text as it is, in any script', () => {
    const text = `case 4711, "Grüße" \\n 東京 🙂 e\u0301`
    expect(visible(text)).to.equal(text)
  })

  it('shows what a terminal would obey', () => {
    expect(visible('\x1b[2J\n\r\t\0\x9b\u202e')).to.equal(String.raw`\x1b[2J\n\r\t\x00\x9b\u202e`)
    for (const character of OBEYED) {
      expect(visible(`a${character}b`)).to.match(/^a\\[ -~]+b$/)
    }
    expect(visible('\ud83d')).to.equal(String.raw`\ud83d`)
  })
})

describe('visibleJson', () => {
  it('keeps the value and the line ends, and shows what a terminal would obey', () => {
    const value = { why: OBEYED.join('x') }
    const text = visibleJson(JSON.stringify(value, null, 2))
    expect(JSON.parse(text)).to.deep.equal(value)
    expect(text).to.match(/^\{\n {2}[ -~]+\n\}$/)
  })
})
