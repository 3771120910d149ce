import { expect } from 'chai'
import {
  checkCode,
  checkCount,
  checkObject,
  checkStrings,
  checkText,
  checkTexts,
} from '../../lib/audit/field-check.js'

describe('checkObject', () => {
  it('takes objects only', () => {
    expect(() => checkObject('it', {})).to.not.throw()
    for (const value of [undefined, null, 'x', 1]) {
      expect(() => checkObject('it', value)).to.throw(TypeError, 'it: expected an object, got')
    }
  })
})

describe('checkText', () => {
  it('takes strings and bytes only', () => {
    for (const value of ['', 'x', Buffer.of(1), new Uint8Array()]) {
      expect(() => checkText('it', value)).to.not.throw()
    }
    for (const value of [undefined, null, 1, ['x'], new Uint16Array()]) {
      expect(() => checkText('it', value)).to.throw(TypeError, 'it: expected a string or')
    }
  })
})

describe('checkTexts', () => {
  it('takes nothing, or an array of strings and bytes', () => {
    for (const value of [undefined, null, [], ['x', Buffer.of(1)]]) {
      expect(() => checkTexts('it', value)).to.not.throw()
    }
    expect(() => checkTexts('it', 'x')).to.throw(TypeError, `it: expected an array of strings`)
    expect(() => checkTexts('it', ['x', 1])).to.throw(TypeError, 'an element of it: expected')
  })
})

describe('checkStrings', () => {
  it('takes nothing, or an array of strings', () => {
    for (const value of [undefined, null, [], ['x']]) {
      expect(() => checkStrings('it', value)).to.not.throw()
    }
    expect(() => checkStrings('it', 'x')).to.throw(TypeError, `it: expected an array of strings`)
    expect(() => checkStrings('it', [Buffer.of(1)])).to.throw(TypeError, 'an element of it')
  })
})

describe('checkCode', () => {
  it('takes 0 and 100 to 999', () => {
    for (const code of [0, 100, 999]) expect(() => checkCode('it', code)).to.not.throw()
    for (const code of [-1, 1, 99, 1000, 200.5, Number.NaN]) {
      expect(() => checkCode('it', code)).to.throw(RangeError, 'it: expected an integer from 100')
    }
    expect(() => checkCode('it', '200')).to.throw(TypeError, 'it: expected an integer')
  })
})

describe('checkCount', () => {
  it('takes whole numbers that are exact', () => {
    for (const count of [0, 1, Number.MAX_SAFE_INTEGER]) {
      expect(() => checkCount('it', count)).to.not.throw()
    }
    for (const count of [-1, 0.5, 2 ** 53, Number.NaN]) {
      expect(() => checkCount('it', count)).to.throw(RangeError, 'it: expected an integer, 0 or')
    }
    expect(() => checkCount('it', 1n)).to.throw(TypeError, 'it: expected an integer')
  })
})
