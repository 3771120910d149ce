import { expect } from 'chai'
import * as fc from 'fast-check'
import { NameMap } from '../../lib/backup/name-map.js'

describe('NameMap', () => {
  it('keeps what a Map keeps, whatever the names', () => {
    const name = fc.oneof(fc.constantFrom('', 'a', 'b', 'audit.log', 'audit.log.gz'), fc.string())
    const change = fc.record({ name, value: fc.option(fc.nat()) })
    fc.assert(
      fc.property(fc.array(change), fc.array(name), (changes, others) => {
        const map = new NameMap<number>()
        const model = new Map<string, number>()
        for (const { name: changed, value } of changes) {
          if (value === null) {
            map.delete(changed)
            model.delete(changed)
          } else {
            map.set(changed, value)
            model.set(changed, value)
          }
        }
        for (const asked of [...changes.map(one => one.name), ...others]) {
          expect(map.get(asked)).to.equal(model.get(asked))
        }
        map.clear()
        for (const { name: asked } of changes) expect(map.get(asked)).to.equal(undefined)
      }),
    )
  })
})
