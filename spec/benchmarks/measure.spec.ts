import { expect } from 'chai'
import fs from 'node:fs'
import { join } from 'node:path'
import { inEmptyDirectory, measure, median, rotated } from '../../benchmarks/measure.js'
import type { Contender } from '../../benchmarks/measure.js'

/** Contenders that only note what happens to them. */
function noted(names: readonly string[]): { contenders: Contender[]; events: string[] } {
  const events: string[] = []
  const contenders = names.map(name => ({
    name,
    open(directory: string) {
      fs.writeFileSync(join(directory, 'audit.log'), name)
      events.push(`open ${name}`)
      return {
        block: (index: number) => void events.push(`block ${index} ${name}`),
        close: () => void events.push(`close ${name}`),
      }
    },
  }))
  return { contenders, events }
}

describe('median', () => {
  it('is the middle value, in whatever order they come', () => {
    expect(median([30, 1, 2])).to.equal(2)
    expect(median([7])).to.equal(7)
  })

  it('is the mean of the two in the middle of an even number', () => {
    expect(median([4, 1, 100, 2])).to.equal(3)
  })

  it('refuses to make one up', () => {
    expect(() => median([])).to.throw(RangeError)
  })
})

describe('rotated', () => {
  it('begins further on, round and round', () => {
    expect(rotated(['a', 'b', 'c'], 0)).to.deep.equal(['a', 'b', 'c'])
    expect(rotated(['a', 'b', 'c'], 5)).to.deep.equal(['c', 'a', 'b'])
  })
})

describe('measure', () => {
  it('lets contenders take turns, each first in its round, one open at a time', async () => {
    const { contenders, events } = noted(['ours', 'bare'])
    const scale = { lines: 10, warmups: 0, rounds: 2 }
    await measure({ contenders, scale, blocks: 1, check: () => {} })
    const one = (name: string): string[] => [`open ${name}`, `block 0 ${name}`, `close ${name}`]
    expect(events).to.deep.equal([...one('ours'), ...one('bare'), ...one('bare'), ...one('ours')])
  })

  it('lets them take turns after each block where a round has more than one', async () => {
    const { contenders, events } = noted(['ours', 'bare'])
    const scale = { lines: 10, warmups: 0, rounds: 1 }
    await measure({ contenders, scale, blocks: 3, check: () => {} })
    expect(events).to.deep.equal([
      'open ours',
      'open bare',
      'block 0 ours',
      'block 0 bare',
      'block 1 bare',
      'block 1 ours',
      'block 2 ours',
      'block 2 bare',
      'close ours',
      'close bare',
    ])
  })

  it('throws warm-ups away, and checks them like any other round', async () => {
    const { contenders } = noted(['ours', 'bare'])
    const checked: string[] = []
    const speeds = await measure({
      contenders,
      scale: { lines: 10, warmups: 2, rounds: 3 },
      blocks: 1,
      check: directory => checked.push(fs.readFileSync(join(directory, 'audit.log'), 'utf8')),
    })
    expect([...speeds.keys()]).to.deep.equal(['ours', 'bare'])
    for (const values of speeds.values()) expect(values).to.have.lengthOf(3)
    expect(checked).to.have.lengthOf(10)
    expect(new Set(checked)).to.deep.equal(new Set(['ours', 'bare']))
  })

  it('times the blocks alone, and tells lines per second', async () => {
    const busy = (ms: number): void => {
      for (const endMs = performance.now() + ms; performance.now() < endMs;);
    }
    const contender: Contender = {
      name: 'ours',
      open() {
        busy(100)
        return { block: () => busy(5), close: () => busy(100) }
      },
    }
    const scale = { lines: 1000, warmups: 0, rounds: 1 }
    const trial = { contenders: [contender], scale, blocks: 2, check: () => busy(100) }
    const speed = (await measure(trial)).get('ours')?.[0]
    expect(speed).to.be.within(1000 / 0.1, 1000 / 0.01)
  })

  it('ends with the error of a round whose output is wrong', async () => {
    const { contenders } = noted(['ours'])
    const check = (): void => expect.fail('a line is missing')
    const scale = { lines: 10, warmups: 1, rounds: 1 }
    const failure = await measure({ contenders, scale, blocks: 1, check }).catch(String)
    expect(failure).to.include('a line is missing')
  })
})

describe('inEmptyDirectory', () => {
  it('leaves nothing behind, also where the work fails', async () => {
    let used = ''
    const failure = await inEmptyDirectory(async directory => {
      used = directory
      expect(fs.readdirSync(directory)).to.deep.equal([])
      fs.writeFileSync(join(directory, 'audit.log'), 'x')
      throw new Error('it broke')
    }).catch(String)
    expect(failure).to.include('it broke')
    expect(fs.existsSync(used)).to.equal(false)
  })
})
