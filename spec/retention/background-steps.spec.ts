import { expect } from 'chai'
import fs from 'fs-extra'
import { plainBackup, type Backup } from '../../lib/backup/backup.js'
import { listBackups } from '../../lib/backup/catalogue.js'
import { systemDisk } from '../../lib/platform/disk.js'
import { reasonOf } from '../../lib/platform/rollkeeper-error.js'
import { BackgroundSteps, type BackgroundStep } from '../../lib/retention/background-steps.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const BACKUPS = [plainBackup('/logs/audit.log', new Date(1000), 1)]

/** A gate that holds whoever waits at it until it is opened. */
class Gate {
  open!: () => void
  readonly opened = new Promise<void>(resolve => (this.open = resolve))
}

const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

/** Steps that write down what happens, and can be held up. */
class Recording {
  readonly log: string[] = []
  gate: Gate | undefined
  backups: readonly Backup[] = BACKUPS
  readonly steps: BackgroundSteps

  constructor(...steps: (string | BackgroundStep)[]) {
    this.steps = new BackgroundSteps(
      steps.map(step => (typeof step === 'string' ? this.#step(step) : step)),
      {
        list: async () => {
          this.log.push('list')
          return [...this.backups]
        },
        failed: (step, error) => this.log.push(`${step} failed: ${reasonOf(error)}`),
      },
    )
  }

  #step(name: string): BackgroundStep {
    return {
      name,
      run: async () => {
        this.log.push(`${name} begins`)
        await this.gate?.opened
        this.log.push(`${name} ends`)
        return 'done'
      },
    }
  }
}

const PASS = ['list', 'archive begins', 'archive ends', 'list', 'prune begins', 'prune ends']

describe('BackgroundSteps', () => {
  it('runs the steps in their order, each over the backups as they are then', async () => {
    const seen: (readonly Backup[])[] = []
    const archive: BackgroundStep = {
      name: 'archive',
      run: async backups => {
        seen.push(backups)
        recording.backups = []
        return 'done'
      },
    }
    const prune = { ...archive, name: 'prune' }
    const recording = new Recording(archive, prune)
    await recording.steps.request()
    expect(seen).to.deep.equal([BACKUPS, []])
  })

  it('begins nothing before the call has returned', async () => {
    const { steps, log } = new Recording('archive', 'prune')
    const done = steps.request()
    expect(log).to.deep.equal([])
    await done
    expect(log).to.deep.equal(PASS)
  })

  it('serves requests that wait by one pass', async () => {
    const { steps, log } = new Recording('archive', 'prune')
    await Promise.all([steps.request(), steps.request(), steps.request()])
    expect(log).to.deep.equal(PASS)
  })

  it('serves requests that come during a pass by one more, which does not overlap', async () => {
    const recording = new Recording('archive', 'prune')
    const { steps, log } = recording
    const gate = (recording.gate = new Gate())
    const first = steps.request()
    await turn()
    expect(log).to.deep.equal(['list', 'archive begins'])
    const later = [steps.request(), steps.request(), steps.request()]
    await turn()
    expect(log).to.deep.equal(['list', 'archive begins'])
    gate.open()
    await first
    expect(log.slice(0, PASS.length)).to.deep.equal(PASS)
    await Promise.all(later)
    expect(log).to.deep.equal([...PASS, ...PASS])
  })

  it('begins a pass for each request that came after the last one began', async () => {
    const { steps, log } = new Recording('prune')
    await steps.request()
    await steps.request()
    expect(log).to.deep.equal([1, 2].flatMap(() => ['list', 'prune begins', 'prune ends']))
  })

  it('serves a request that a step makes itself, by another pass', async () => {
    let runs = 0
    const again: BackgroundStep = {
      name: 'again',
      run: async () => {
        if (++runs < 3) void steps.request()
        return 'done'
      },
    }
    const { steps } = new Recording(again)
    void steps.request()
    await steps.idle()
    expect(runs).to.equal(3)
  })

  it('reports a step that fails, whichever way it fails, and runs those after it', async () => {
    const rejects: BackgroundStep = { name: 'seal', run: () => Promise.reject(new Error('no key')) }
    const throws: BackgroundStep = {
      name: 'ship',
      run() {
        throw new Error('no net')
      },
    }
    const { steps, log } = new Recording(rejects, throws, 'prune')
    await steps.request()
    expect(log.filter(entry => entry !== 'list')).to.deep.equal([
      'seal failed: no key',
      'ship failed: no net',
      'prune begins',
      'prune ends',
    ])
  })

  it('reports a listing that fails, and serves the next request all the same', async () => {
    const log: string[] = []
    let broken = true
    const prune: BackgroundStep = {
      name: 'prune',
      run: async () => {
        log.push('pruned')
        return 'done'
      },
    }
    const steps = new BackgroundSteps([prune], {
      list: async () => {
        if (broken) throw new Error('EIO')
        return []
      },
      failed: (step, error) => log.push(`${step}: ${reasonOf(error)}`),
    })
    await steps.request()
    broken = false
    await steps.request()
    expect(log).to.deep.equal(['prune: EIO', 'pruned'])
  })

  it('takes up a step that was half done when the process died', async () => {
    await steps({ diesAfter: 2 }).request()
    expect(sealed()).to.have.length(2)
    await steps({ diesAfter: Infinity }).request()
    expect(sealed()).to.have.length(5)
    expect(done).to.have.length(5)
  })

  const at = temporaryDirectory()
  let done: string[]
  beforeEach(() => {
    done = []
    for (let day = 1; day <= 5; day++) {
      const { name } = plainBackup(at('audit.log'), new Date(day * 86_400_000), 0)
      fs.writeFileSync(at(name), `${day}\n`)
    }
  })

  const sealed = (): string[] => fs.readdirSync(at()).filter(name => name.endsWith('.seal'))

  /** A step that seals backups, in a process that dies after some. */
  const steps = ({ diesAfter }: { diesAfter: number }): BackgroundSteps => {
    const seal: BackgroundStep = {
      name: 'seal',
      async run(backups) {
        for (const { path } of backups) {
          if (fs.existsSync(`${path}.seal`)) continue
          if (done.length >= diesAfter) throw new Error('SIGKILL')
          await fs.writeFile(`${path}.seal`, '')
          done.push(path)
        }
        return 'done'
      },
    }
    return new BackgroundSteps([seal], {
      list: () => listBackups(systemDisk, at('audit.log')),
      failed: () => {},
    })
  }

  describe('told that there is more to do', () => {
    /** A step that does one of so many things in each pass. */
    const piecemeal = (log: string[], things: number): BackgroundStep => ({
      name: 'archive',
      run: async () => {
        log.push(`archive ${things}`)
        return --things > 0 ? 'more' : 'done'
      },
    })

    it('gives the steps behind their turn, and makes another pass, until all is done', async () => {
      const log: string[] = []
      const prune: BackgroundStep = {
        name: 'prune',
        run: async () => {
          log.push('prune')
          return 'done'
        },
      }
      const { steps: background } = new Recording(piecemeal(log, 3), prune)
      void background.request()
      await background.idle()
      expect(log).to.deep.equal(['archive 3', 'prune', 'archive 2', 'prune', 'archive 1', 'prune'])
      expect(background.isIdle).to.equal(true)
    })

    it('serves who asks meanwhile by that same pass', async () => {
      const log: string[] = []
      const { steps: background } = new Recording(piecemeal(log, 2), piecemeal(log, 2))
      const first = background.request()
      await first
      expect(background.isIdle).to.equal(false)
      await Promise.all([background.request(), background.request()])
      expect(log).to.deep.equal(['archive 2', 'archive 2', 'archive 1', 'archive 1'])
      expect(background.isIdle).to.equal(true)
    })
  })

  describe('isIdle', () => {
    it('is false from a request on until its pass is over', async () => {
      const recording = new Recording('prune')
      const gate = (recording.gate = new Gate())
      expect(recording.steps.isIdle).to.equal(true)
      const pass = recording.steps.request()
      expect(recording.steps.isIdle).to.equal(false)
      await turn()
      void recording.steps.request()
      gate.open()
      await pass
      expect(recording.steps.isIdle).to.equal(false)
      await recording.steps.idle()
      expect(recording.steps.isIdle).to.equal(true)
    })

    it('is true again after a step has failed', async () => {
      const fails: BackgroundStep = { name: 'seal', run: () => Promise.reject(new Error('no')) }
      const { steps: background } = new Recording(fails)
      await background.request()
      expect(background.isIdle).to.equal(true)
    })
  })

  describe('idle', () => {
    it('is over at once when nothing is under way', () => new Recording('prune').steps.idle())

    it('is over when nothing waits any more', async () => {
      const recording = new Recording('prune')
      const { steps: background, log } = recording
      const gate = (recording.gate = new Gate())
      void background.request()
      await turn()
      void background.request()
      let over = false
      const idle = background.idle().then(() => (over = true))
      await turn()
      expect(over).to.equal(false)
      gate.open()
      await idle
      expect(log.filter(entry => entry === 'prune ends')).to.have.length(2)
    })
  })
})
