import { expect } from 'chai'
import fs from 'fs-extra'
import { listBackups, plainBackup, type Backup } from '../../lib/backup/backup.js'
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
    expect(log).to.deep.equal(PASS)
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
    const prune: BackgroundStep = { name: 'prune', run: async () => void log.push('pruned') }
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
      },
    }
    return new BackgroundSteps([seal], {
      list: () => listBackups(systemDisk, at('audit.log')),
      failed: () => {},
    })
  }

  describe('exclusively', () => {
    it('runs work between passes, and gives its result', async () => {
      const recording = new Recording('prune')
      const { steps: background, log } = recording
      const gate = (recording.gate = new Gate())
      const pass = background.request()
      await turn()
      const work = background.exclusively(async () => {
        log.push('work')
        return 42
      })
      const next = background.request()
      await turn()
      expect(log).to.deep.equal(['list', 'prune begins'])
      gate.open()
      expect(await work).to.equal(42)
      await Promise.all([pass, next])
      const onePass = ['list', 'prune begins', 'prune ends']
      expect(log).to.deep.equal([...onePass, 'work', ...onePass])
    })

    it('is rejected as the work is, and what comes after runs all the same', async () => {
      const { steps: background, log } = new Recording('prune')
      const failed = background.exclusively(() => Promise.reject(new Error('no')))
      const pass = background.request()
      expect(await failed.catch((error: Error) => error.message)).to.equal('no')
      await pass
      expect(log).to.deep.equal(['list', 'prune begins', 'prune ends'])
    })
  })

  describe('idle', () => {
    it('is over at once when nothing is under way', () => new Recording('prune').steps.idle())

    it('is over when nothing waits any more, work that failed included', async () => {
      const recording = new Recording('prune')
      const { steps: background, log } = recording
      const gate = (recording.gate = new Gate())
      void background.request()
      await turn()
      void background.request()
      void background.exclusively(() => Promise.reject(new Error('no'))).catch(() => {})
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
