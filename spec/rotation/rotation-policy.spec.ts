import { expect } from 'chai'
import {
  checkLimits,
  firstOf,
  maxSize,
  type ActiveFile,
  type RotationPolicy,
} from '../../lib/rotation/rotation-policy.js'
import { mistyped } from '../audit/mistyped.js'

const FILE: ActiveFile = { path: '/logs/audit.log', openedAt: new Date(0), bytes: 0 }
const at = (time: number): Date => new Date(time)

describe('maxSize', () => {
  it('sets a limit in bytes, and none in time', () => {
    expect(maxSize(1)(FILE)).to.deep.equal({ bytes: 1 })
    expect(maxSize('100MiB')(FILE)).to.deep.equal({ bytes: 104_857_600 })
    expect(maxSize('100MB')(FILE)).to.deep.equal({ bytes: 100_000_000 })
  })

  it('refuses what is no size when it is made, not when it is asked', () => {
    for (const bytes of [0, -1, 1.5, NaN, Infinity, '0MB', '100M', '']) {
      expect(() => maxSize(bytes)).to.throw(RangeError, 'maxSize(bytes): expected')
    }
    for (const bytes of [undefined, null, {}, 1n]) {
      expect(() => maxSize(mistyped(bytes))).to.throw(TypeError, 'maxSize(bytes): expected')
    }
  })
})

describe('firstOf', () => {
  it('takes the smallest size and the earliest time, each by itself', () => {
    const policy = firstOf(
      () => ({ bytes: 500, until: at(9000) }),
      () => ({ bytes: 300, until: at(8000) }),
      () => ({ bytes: 400, until: at(7000) }),
    )
    expect(policy(FILE)).to.deep.equal({ bytes: 300, until: at(7000) })
  })

  it('combines limits of different kinds, and passes over what sets none', () => {
    const none: RotationPolicy = () => ({})
    expect(firstOf(none, maxSize(7), none, () => ({ until: at(1) }))(FILE)).to.deep.equal({
      bytes: 7,
      until: at(1),
    })
    expect(firstOf(none, none)(FILE)).to.deep.equal({})
    expect(firstOf(maxSize(7))(FILE)).to.deep.equal({ bytes: 7 })
  })

  it('knows times before 1970', () => {
    const policy = firstOf(
      () => ({ until: at(-5) }),
      () => ({ until: at(0) }),
    )
    expect(policy(FILE)).to.deep.equal({ until: at(-5) })
  })

  it('can be put into another', () => {
    const policy = firstOf(firstOf(maxSize(9), maxSize(5)), firstOf(maxSize(7)))
    expect(policy(FILE)).to.deep.equal({ bytes: 5 })
  })

  it('shows the file to each policy once', () => {
    const shown: [string, ActiveFile][] = []
    const policyOf =
      (name: string): RotationPolicy =>
      file => {
        shown.push([name, file])
        return {}
      }
    firstOf(policyOf('a'), policyOf('b'))(FILE)
    expect(shown).to.deep.equal([
      ['a', FILE],
      ['b', FILE],
    ])
  })

  it('fails as a policy of it fails', () => {
    const policy = firstOf(maxSize(1), () => {
      throw new Error('no idea')
    })
    expect(() => policy(FILE)).to.throw('no idea')
  })

  it('refuses an answer that is none, also when it comes first or alone', () => {
    const odd: RotationPolicy = () => ({ bytes: mistyped('much') })
    for (const policy of [firstOf(odd), firstOf(odd, maxSize(1)), firstOf(maxSize(1), odd)]) {
      expect(() => policy(FILE)).to.throw(RangeError, 'rotation policy: expected `bytes`')
    }
  })

  it('refuses no policies at all, and what is no policy', () => {
    expect(() => firstOf()).to.throw(TypeError, 'firstOf(...policies): expected at least one')
    for (const policy of [undefined, null, {}, 100, '100MiB']) {
      expect(() => firstOf(maxSize(1), mistyped(policy))).to.throw(
        TypeError,
        'firstOf(...policies): expected rotation policies (functions), got',
      )
    }
  })
})

describe('checkLimits', () => {
  it('returns limits as they are', () => {
    for (const limits of [
      {},
      { bytes: 1 },
      { until: at(-1) },
      { bytes: 2 ** 53 - 1, until: at(0) },
    ]) {
      expect(checkLimits(limits)).to.equal(limits)
    }
  })

  it('takes a limit that is undefined for none', () => {
    const limits = mistyped({ bytes: undefined, until: undefined })
    expect(checkLimits(limits)).to.equal(limits)
  })

  it('refuses an answer that is no object', () => {
    for (const limits of [undefined, null, 100, '100MiB', () => ({})]) {
      expect(() => checkLimits(mistyped(limits))).to.throw(
        TypeError,
        'rotation policy: expected an answer { bytes?, until? }, got',
      )
    }
  })

  it('refuses a size that is no whole number, at least 1', () => {
    for (const bytes of [0, -1, 0.5, NaN, Infinity, 2 ** 53, '100', null, 1n]) {
      expect(() => checkLimits(mistyped({ bytes }))).to.throw(
        RangeError,
        'rotation policy: expected `bytes` to be a whole number, at least 1, got',
      )
    }
  })

  it('refuses a time that is no valid Date', () => {
    for (const until of [0, '2016-09-07', null, new Date(NaN), {}]) {
      expect(() => checkLimits(mistyped({ until }))).to.throw(
        TypeError,
        'rotation policy: expected `until` to be a valid Date, got',
      )
    }
  })
})
