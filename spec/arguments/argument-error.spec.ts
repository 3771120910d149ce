import { expect } from 'chai'
import { outOfRange, wrongType } from '../../lib/arguments/argument-error.js'

for (const [make, kind] of [
  [wrongType, TypeError],
  [outOfRange, RangeError],
] as const) {
  describe(make.name, () => {
    it(`makes a ${kind.name} that names the argument, what was expected, and what came`, () => {
      const error = make('option maxSize', 'a number of bytes', 'much')
      expect(error).to.be.an.instanceOf(kind)
      expect(error.message).to.equal(`option maxSize: expected a number of bytes, got 'much'`)
    })

    it('carries no code, for it is a mistake of the program', () => {
      expect(make('record', 'text', 1)).not.to.have.property('code')
    })

    it('tells values of different types apart', () => {
      const shown = ['1', 1, 1n, null, undefined, true, { a: 1 }, [1], Symbol('s'), NaN].map(
        value => make('x', 'y', value).message.slice('x: expected y, got '.length),
      )
      expect(shown).to.deep.equal([
        `'1'`,
        '1',
        '1n',
        'null',
        'undefined',
        'true',
        '{ a: 1 }',
        '[ 1 ]',
        'Symbol(s)',
        'NaN',
      ])
    })

    it('repeats no more than a piece of a long value, in one line', () => {
      const long = 'x'.repeat(1e6)
      for (const value of [long, [long, long], { [long]: long }, Buffer.alloc(1e6), `${long}\n`]) {
        const { message } = make('record', 'text', value)
        expect(message.length).to.be.lessThan(200)
        expect(message).not.to.include('\n')
      }
    })

    it('stands an object of many levels, or one that holds itself', () => {
      const value: Record<string, unknown> = { a: { b: { c: { d: { e: 1 } } } } }
      value['self'] = value
      expect(make('x', 'y', value).message.length).to.be.lessThan(200)
    })
  })
}
