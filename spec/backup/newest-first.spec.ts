import { expect } from 'chai'
import * as fc from 'fast-check'
import { mergeNewestFirst, sortNewestFirst } from '../../lib/backup/newest-first.js'
import { TimeSlice } from '../../lib/platform/time-slice.js'

interface Item {
  readonly timeMs: number
  /** Its place before it was sorted. */
  readonly place: number
}

const itemsOf = (times: readonly number[]): Item[] =>
  times.map((timeMs, place) => ({ timeMs, place }))

const isNewer = (one: Item, other: Item): boolean => one.timeMs > other.timeMs

/** What the language's own sort makes of it, which is stable. */
const sorted = (items: readonly Item[]): Item[] =>
  items.toSorted((one, other) => other.timeMs - one.timeMs)

/** Few times of which many are equal, or any that a `Date` can have. */
const times = (maxLength: number): fc.Arbitrary<number[]> =>
  fc.oneof(
    fc.array(fc.integer({ min: -2, max: 2 }), { maxLength }),
    fc.array(fc.integer({ min: -8.64e15, max: 8.64e15 }), { maxLength }),
  )

/** A slice that is always over, and counts how often others got their turn. */
class ShortSlice extends TimeSlice {
  turns = 0

  override get isOver(): boolean {
    return true
  }

  override async next(): Promise<void> {
    this.turns++
  }
}

describe('sortNewestFirst', () => {
  it('does what a stable sort does, and changes nothing', async () => {
    await fc.assert(
      fc.asyncProperty(times(60), async list => {
        const items = Object.freeze(itemsOf(list))
        expect(await sortNewestFirst(items, isNewer, new TimeSlice())).to.deep.equal(sorted(items))
      }),
    )
  })

  for (const length of [0, 1, 2, 1023, 1024, 1025, 2047, 2048, 2049, 3072, 5000, 9217, 20_000]) {
    it(`sorts ${length}, whatever their order, equal ones by their place`, async () => {
      let random = length
      const next = (): number => (random = (random * 1_103_515_245 + 12_345) % 2_147_483_648)
      const places = Array.from({ length }, (_, place) => place)
      for (const list of [
        places,
        places.toReversed(),
        places.map(() => 7),
        places.map(() => next() % 100),
        places.map(() => next()),
      ]) {
        const items = itemsOf(list)
        const result = await sortNewestFirst(items, isNewer, new TimeSlice())
        const expected = sorted(items)
        expect(result).to.have.length(length)
        // One by one: to compare 20,000 deeply would take seconds.
        expect(result.findIndex((item, index) => item !== expected[index])).to.equal(-1)
      }
    })
  }

  it('lets others have their turn on the way', async () => {
    const slice = new ShortSlice()
    await sortNewestFirst(
      itemsOf(Array.from({ length: 4096 }, (_, place) => place)),
      isNewer,
      slice,
    )
    expect(slice.turns).to.be.at.least(4096)
  })
})

describe('mergeNewestFirst', () => {
  it('merges what is sorted; of equal ones, those of the first come first', async () => {
    await fc.assert(
      fc.asyncProperty(times(40), times(40), async (list, otherList) => {
        const all = itemsOf([...list, ...otherList])
        const ones = Object.freeze(sorted(all.slice(0, list.length)))
        const others = Object.freeze(sorted(all.slice(list.length)))
        const merged = await mergeNewestFirst(ones, others, isNewer, new TimeSlice())
        expect(merged).to.deep.equal(sorted([...ones, ...others]))
      }),
    )
  })

  it('merges a few new ones into very many, and the other way round', async () => {
    const many = itemsOf(Array.from({ length: 10_000 }, (_, place) => -place))
    for (const few of [[], [1], [-5000], [-20_000], [1, -3, -9_999.5, -1e9]].map(itemsOf)) {
      for (const [ones, others] of [
        [many, few],
        [few, many],
      ] as const) {
        const merged = await mergeNewestFirst(ones, others, isNewer, new TimeSlice())
        const expected = sorted([...ones, ...others])
        expect(merged).to.have.length(expected.length)
        expect(merged.findIndex((item, index) => item !== expected[index])).to.equal(-1)
      }
    }
  })

  it('gives a list of its own where there is nothing to merge', async () => {
    const ones = itemsOf([3, 2, 1])
    const merged = await mergeNewestFirst(ones, [], isNewer, new TimeSlice())
    expect(merged).to.deep.equal(ones)
    expect(merged).not.to.equal(ones)
  })
})
