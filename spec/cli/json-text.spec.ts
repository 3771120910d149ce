import { expect } from 'chai'
import { jsonPieces } from '../../lib/cli/json-text.js'

describe('jsonPieces', () => {
  const heads: object[] = [{ active: null }, { active: { path: '/a', bytes: 1 }, more: [1, 2] }]
  const lists: unknown[][] = [[], [1], [{ name: 'a\nb', time: new Date(0) }, { held: 'why' }, []]]
  for (const head of heads) {
    for (const list of lists) {
      it(`prints ${JSON.stringify({ ...head, list })} as JSON.stringify does`, () => {
        const expected = `${JSON.stringify({ ...head, list }, null, 2)}\n`
        expect([...jsonPieces(head, 'list', list)].join('')).to.equal(expected)
      })
    }
  }

  it('gives a piece for each of a long list', () => {
    const pieces = [...jsonPieces({ a: 1 }, 'list', Array.from('x'.repeat(1000)))]
    expect(pieces).to.have.lengthOf(1002)
  })

  it('shows what a terminal would obey', () => {
    const text = [...jsonPieces({ '\x9b': '\u202e' }, 'list', ['\x9b'])].join('')
    expect(text).to.match(/^[\n -~]+$/)
    expect(JSON.parse(text)).to.deep.equal({ '\x9b': '\u202e', list: ['\x9b'] })
  })
})
