import { expect } from 'chai'
import { checkOptionNames } from '../../lib/arguments/option-name.js'

const names = new Set(['mode', 'trustProxy', 'insecure'])

describe('checkOptionNames', () => {
  it('takes known names, in any order, and none', () => {
    expect(() => checkOptionNames({ insecure: true, mode: undefined }, names)).not.to.throw()
    expect(() => checkOptionNames({}, names)).not.to.throw()
  })

  it('names an unknown one, all there are, and the one that may have been meant', () => {
    expect(() => checkOptionNames({ mode: 1, trustproxy: true }, names)).to.throw(
      TypeError,
      'option trustproxy: expected one of mode, trustProxy, insecure, got trustproxy; did you mean trustProxy?',
    )
  })

  it('guesses at nothing far off', () => {
    expect(() => checkOptionNames({ colour: 1 }, names)).to.throw(TypeError, /got colour$/)
  })
})
