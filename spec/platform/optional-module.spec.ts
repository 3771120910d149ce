import { expect } from 'chai'
import { requireIfThere } from '../../lib/platform/optional-module.cjs'

describe('requireIfThere', () => {
  it('gives what a module exports, one of Node or one that is installed', () => {
    expect(requireIfThere('node:path')).to.have.property('join').that.is.a('function')
    expect(requireIfThere('koffi')).to.have.property('load').that.is.a('function')
  })

  it('gives nothing for a module that is not installed', () => {
    expect(requireIfThere('rollkeeper-has-no-such-module')).to.equal(undefined)
  })
})
