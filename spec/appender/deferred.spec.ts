import { expect } from 'chai'
import { Deferred } from '../../lib/appender/deferred.js'

describe('Deferred', () => {
  it('is resolved by its maker', async () => {
    const deferred = new Deferred()
    deferred.resolve()
    await deferred.promise
  })

  it('is rejected by its maker', async () => {
    const deferred = new Deferred()
    const error = new Error('why')
    deferred.reject(error)
    expect(await deferred.promise.catch((caught: unknown) => caught)).to.equal(error)
  })
})
