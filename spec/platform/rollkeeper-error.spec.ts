import { readFileSync } from 'node:fs'
import { runInNewContext } from 'node:vm'
import { expect } from 'chai'
import { reasonOf, RollkeeperError, systemCode } from '../../lib/platform/rollkeeper-error.js'

function systemError(): unknown {
  try {
    return readFileSync('/no such file')
  } catch (error) {
    return error
  }
}

describe('RollkeeperError', () => {
  it('is an Error with a code, a path and a cause', () => {
    const cause = new Error('because')
    const error = new RollkeeperError('ERR_ROLLKEEPER_ROTATE', 'cannot', { path: '/a', cause })
    expect(error).to.be.an.instanceOf(Error)
    expect(error).to.include({
      code: 'ERR_ROLLKEEPER_ROTATE',
      message: 'cannot',
      path: '/a',
      cause,
    })
  })

  it('is called by its name where it is printed', () => {
    const error = new RollkeeperError('ERR_ROLLKEEPER_FULL', 'no room')
    expect(error.name).to.equal('RollkeeperError')
    expect(String(error.stack)).to.match(/^RollkeeperError: no room\n/)
  })

  it('has neither path nor cause where there is none', () => {
    const error = new RollkeeperError('ERR_ROLLKEEPER_POLICY', 'it failed')
    expect(error).not.to.have.property('path')
    expect(error).not.to.have.property('cause')
  })

  it('keeps a cause that is no error, even undefined', () => {
    for (const cause of [undefined, null, 'text', 0]) {
      const error = new RollkeeperError('ERR_ROLLKEEPER_POLICY', 'it failed', { cause })
      expect(error).to.have.property('cause', cause)
    }
  })
})

describe('systemCode', () => {
  it('tells the code of a system error', () => {
    expect(systemCode(systemError())).to.equal('ENOENT')
  })

  it('tells the code of one that comes from another realm, as under Jest', () => {
    const code: unknown = runInNewContext('code => Object.assign(new Error(), { code })')
    expect(systemCode((code as (code: string) => unknown)('EEXIST'))).to.equal('EEXIST')
  })

  it('tells nothing of anything else', () => {
    const odd = Object.assign(new Error('odd'), { code: 7 })
    for (const value of [new Error('plain'), odd, { code: 'ENOENT' }, 'ENOENT', null, undefined]) {
      expect(systemCode(value)).to.equal(undefined)
    }
  })
})

describe('reasonOf', () => {
  it('is the code of a system error, else the message, else the value as text', () => {
    expect(reasonOf(systemError())).to.equal('ENOENT')
    expect(reasonOf(new RangeError('too much'))).to.equal('too much')
    expect(reasonOf('thrown as text')).to.equal('thrown as text')
    expect(reasonOf(undefined)).to.equal('undefined')
  })
})
