import { EventEmitter, once } from 'node:events'
import { expect } from 'chai'
import fs from 'fs-extra'
import { chokidarWatch, type Chokidar, type Watch } from '../../lib/platform/watch.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

/** A chokidar that a test holds in its hand. */
class FakeChokidar implements Chokidar {
  readonly watchers: FakeWatcher[] = []
  readonly watched: string[] = []

  watch(path: string): FakeWatcher {
    const watcher = new FakeWatcher()
    this.watchers.push(watcher)
    this.watched.push(path)
    return watcher
  }
}

class FakeWatcher extends EventEmitter {
  status: 'open' | 'closed' = 'open'

  async close(): Promise<void> {
    this.status = 'closed'
    this.removeAllListeners() // as chokidar does
  }
}

describe('chokidarWatch', () => {
  const at = temporaryDirectory()
  const ends: (() => void)[] = []

  /** Watches a path; gives what it told so far, and promises of the first of each. */
  function listenTo(watch: Watch, path: string) {
    const told: string[] = []
    const teller = new EventEmitter()
    const tell = (what: string, cause?: unknown): void => {
      told.push(what)
      teller.emit(what, cause)
    }
    const begun = once(teller, 'begun')
    const happened = once(teller, 'happened')
    const failed = once(teller, 'failed').then(([cause]: unknown[]) => cause)
    const end = watch(path, {
      begun: () => tell('begun'),
      happened: () => tell('happened'),
      failed: cause => tell('failed', cause),
    })
    ends.push(end)
    return { told, begun, happened, failed, end }
  }

  afterEach(() => {
    for (const end of ends.splice(0)) end()
  })

  describe('of a file that somebody has open', () => {
    let fd: number

    beforeEach(() => {
      fs.mkdirSync(at('logs'))
      fd = fs.openSync(at('logs', 'audit.log'), 'a')
    })

    afterEach(() => fs.closeSync(fd))

    const path = (): string => at('logs', 'audit.log')
    const hands: Record<string, () => void> = {
      renamed: () => fs.renameSync(path(), at('logs', 'audit.log.1')),
      'moved to another directory': () => fs.renameSync(path(), at('audit.log')),
      deleted: () => fs.unlinkSync(path()),
      'deleted with its directory': () => fs.removeSync(at('logs')),
      'replaced by another file'() {
        fs.writeFileSync(at('logs', 'other'), '')
        fs.renameSync(at('logs', 'other'), path())
      },
      truncated() {
        fs.writeSync(fd, 'record\n')
        fs.truncateSync(path(), 0)
      },
      'changed in its mode': () => fs.chmodSync(path(), 0o640),
    }
    for (const [what, act] of Object.entries(hands)) {
      it(`tells that something happened when it is ${what}, and has ended then`, async () => {
        const { begun, happened, told } = listenTo(chokidarWatch(), path())
        await begun
        act()
        await happened
        fs.outputFileSync(path(), 'anew')
        fs.appendFileSync(path(), 'more')
        await new Promise(resolve => setImmediate(resolve))
        expect(told).to.deep.equal(['begun', 'happened'])
      })
    }
  })

  it('says nothing of other files in the directory', async () => {
    fs.writeFileSync(at('audit.log'), '')
    const { begun, happened, told } = listenTo(chokidarWatch(), at('audit.log'))
    await begun
    const directory = fs.watch(at())
    fs.writeFileSync(at('another.log'), 'record\n')
    fs.renameSync(at('another.log'), at('another.log.1'))
    fs.unlinkSync(at('another.log.1'))
    await once(directory, 'change') // what the system has to tell of them came with it, or before
    directory.close()
    expect(told).to.deep.equal(['begun'])
    fs.unlinkSync(at('audit.log'))
    await happened
  })

  it('takes one watch of the system, however many files are beside it', async function () {
    if (process.platform !== 'linux') {
      console.log('      skipped: only Linux shows its watches')
      return this.skip()
    }
    for (let i = 0; i < 500; i++) fs.writeFileSync(at(`audit-${i}.log`), '')
    fs.writeFileSync(at('audit.log'), '')
    const before = inotifyWatches()
    const { begun, end } = listenTo(chokidarWatch(), at('audit.log'))
    await begun
    expect(inotifyWatches() - before).to.equal(1)
    end()
    expect(inotifyWatches() - before).to.equal(0)
    return undefined
  })

  it('watches names that chokidar would take for those of an editor', async () => {
    for (const name of ['audit.log~', '.audit.swp']) {
      fs.writeFileSync(at(name), '')
      const { begun, happened } = listenTo(chokidarWatch(), at(name))
      await begun
      fs.unlinkSync(at(name))
      await happened
    }
  })

  it('loads chokidar once, and not before it is needed', async () => {
    let loads = 0
    const chokidar = new FakeChokidar()
    const watch = chokidarWatch(async () => {
      loads++
      return chokidar
    })
    expect(loads).to.equal(0)
    for (const name of ['one.log', 'other.log']) listenTo(watch, at(name))
    await nextTurn()
    expect({ loads, watched: chokidar.watched }).to.deep.equal({
      loads: 1,
      watched: [at('one.log'), at('other.log')],
    })
  })

  it('tells why when chokidar cannot be loaded', async () => {
    const cause = new SyntaxError('Cannot use import statement outside a module')
    const { failed, told } = listenTo(
      chokidarWatch(() => Promise.reject(cause)),
      at('audit.log'),
    )
    expect(await failed).to.equal(cause)
    expect(told).to.deep.equal(['failed'])
  })

  it('does not even try under Jest, which takes that for an error of the tests', async () => {
    process.env.JEST_WORKER_ID = '1'
    try {
      const { failed } = listenTo(chokidarWatch(), at('audit.log'))
      expect(await failed).to.have.property('message', 'Jest cannot load chokidar')
    } finally {
      delete process.env.JEST_WORKER_ID
    }
  })

  it('tells why when the system refuses to watch, and has ended then', async () => {
    const chokidar = new FakeChokidar()
    const { failed, told } = listenTo(
      chokidarWatch(async () => chokidar),
      at('audit.log'),
    )
    await nextTurn()
    const [watcher] = chokidar.watchers
    const cause = Object.assign(new Error('no space'), { code: 'ENOSPC' })
    watcher?.emit('error', cause)
    expect(await failed).to.equal(cause)
    watcher?.emit('raw')
    expect({ told, status: watcher?.status }).to.deep.equal({ told: ['failed'], status: 'closed' })
  })

  it('survives an error that chokidar meets after the end', async () => {
    const chokidar = new FakeChokidar()
    const { end, told } = listenTo(
      chokidarWatch(async () => chokidar),
      at('audit.log'),
    )
    await nextTurn()
    end()
    expect(() => chokidar.watchers[0]?.emit('error', new Error('EACCES'))).not.to.throw()
    expect(told).to.deep.equal([])
  })

  it('begins nothing that was ended while chokidar was being loaded', async () => {
    const chokidar = new FakeChokidar()
    const { end } = listenTo(
      chokidarWatch(async () => chokidar),
      at('audit.log'),
    )
    end()
    await nextTurn()
    expect(chokidar.watched).to.deep.equal([])
  })

  it('does not watch another file than it was asked to', async function () {
    if (process.platform === 'win32') {
      console.log('      skipped: a backslash is no part of a name on Windows')
      return this.skip()
    }
    const { failed } = listenTo(chokidarWatch(), at('au\\dit.log'))
    expect(await failed)
      .to.be.an('error')
      .with.property('message', 'chokidar takes \\ for /')
    return undefined
  })
})

function nextTurn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}

/** How many watches of inotify(7) this process has (proc(5), "/proc/pid/fdinfo"). */
function inotifyWatches(): number {
  const texts = fs.readdirSync('/proc/self/fdinfo').map(fd => {
    try {
      return fs.readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')
    } catch {
      return '' // the one by which the directory was read
    }
  })
  return texts.join('').match(/^inotify /gm)?.length ?? 0
}
