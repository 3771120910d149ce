import { expect } from 'chai'
import { TimeSlice } from '../../lib/platform/time-slice.js'

describe('TimeSlice', () => {
  it('is over after a while of work, and begins anew', async () => {
    const slice = new TimeSlice()
    while (!slice.isOver);
    await slice.next()
    let looks = 0
    while (!slice.isOver) looks++
    expect(looks).to.be.greaterThan(0)
  })

  it('lets others have their turn, also those whose turn comes after a timer', async () => {
    const turns: string[] = []
    setImmediate(() => turns.push('immediate'))
    await new TimeSlice().next()
    expect(turns).to.deep.equal(['immediate'])
  })
})
