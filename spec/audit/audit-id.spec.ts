import { expect } from 'chai'
import { newAuditId } from '../../lib/audit/audit-id.js'

describe('newAuditId', () => {
  const ids = Array.from({ length: 10_000 }, newAuditId)

  it('makes UUIDs of version 4 in lower case', () => {
    for (const id of ids) {
      expect(id).to.match(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    }
  })

  it('makes none twice', () => {
    expect(new Set(ids).size).to.equal(ids.length)
  })

  it('draws every digit but the fixed ones at random', () => {
    for (let place = 0; place < 36; place++) {
      const digits = new Set(ids.map(id => id[place])).size
      const choices = [8, 13, 18, 23, 14].includes(place) ? 1 : place === 19 ? 4 : 16
      expect(digits, `digits at ${place}`).to.equal(choices)
    }
  })
})
