import { expect } from 'chai'
import { parseChoice } from '../../lib/arguments/choice.js'

describe('parseChoice', () => {
  it('gives back a value that there is', () => {
    expect(parseChoice<string>('option mode', 'batch', ['blocking', 'batch'])).to.equal('batch')
    expect(parseChoice<boolean>('option follow', false, [true, false])).to.equal(false)
  })

  it('names the argument, the choices and what came of any other', () => {
    expect(() => parseChoice<string>('option mode', 'Batch', ['blocking', 'batch'])).to.throw(
      TypeError,
      `option mode: expected "blocking" or "batch", got 'Batch'`,
    )
    expect(() => parseChoice<unknown>('option follow', undefined, [true, false])).to.throw(
      TypeError,
      'option follow: expected true or false, got undefined',
    )
  })
})
