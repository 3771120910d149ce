import { expect } from 'chai'
import { formatAge } from '../../lib/cli/age-text.js'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

describe('formatAge', () => {
  const ages: [number, string][] = [
    [-DAY, '0s'],
    [0, '0s'],
    [SECOND - 1, '0s'],
    [59 * SECOND, '59s'],
    [MINUTE, '1m'],
    [MINUTE + 5 * SECOND, '1m 5s'],
    [HOUR - 1, '59m 59s'],
    [3 * HOUR + 59 * SECOND, '3h'],
    [3 * HOUR + 2 * MINUTE, '3h 2m'],
    [3 * DAY + 4 * HOUR + 5 * MINUTE, '3d 4h'],
    [DAY + 59 * MINUTE, '1d'],
    [400 * DAY, '400d'],
  ]
  for (const [ms, text] of ages) {
    it(`says ${text} for ${ms} ms`, () => {
      expect(formatAge(ms)).to.equal(text)
    })
  }
})
