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

  it('is over at each question, once what is between two has turned out to take long', async () => {
    const now = performance.now.bind(performance)
    let nowMs = now()
    performance.now = () => (nowMs += 10)
    try {
      const slice = new TimeSlice()
      let questions = 1
      while (!slice.isOver) questions++
      expect(questions).to.be.at.most(8)
      await slice.next()
      expect(slice.isOver).to.equal(true)
    } finally {
      performance.now = now
    }
  })

  it('lets others have their turn, also those whose turn comes after a timer', async () => {
    const turns: string[] = []
    setImmediate(() => turns.push('immediate'))
    await new TimeSlice().next()
    expect(turns).to.deep.equal(['immediate'])
  })
})
