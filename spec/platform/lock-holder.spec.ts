import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { hostname } from 'node:os'
import { basename } from 'node:path'
import { expect } from 'chai'
import fs from 'fs-extra'
import { systemDisk } from '../../lib/platform/disk.js'
import {
  formatGone,
  formatHolder,
  isAlive,
  isThisProcess,
  parseHolders,
  thisHolder,
  whyTaken,
  type LockHolder,
} from '../../lib/platform/lock-holder.js'
import { systemError } from '../support/faulty-disk.js'
import { ManualClock } from '../support/manual-clock.js'

const platform = { disk: systemDisk, clock: new ManualClock() }
const here = (): LockHolder => thisHolder(platform, 'text')

/** Of a process that has ended and is gone. */
const deadPid = (): number => spawnSync('true').pid

const onLinux = process.platform === 'linux'

describe('thisHolder', () => {
  it('says who we are, since when, and by which program', () => {
    const holder = thisHolder(platform, 'flock')
    expect(holder).to.include({ pid: process.pid, host: hostname(), by: 'flock' })
    expect(holder.since).to.equal('2016-09-07T13:03:57.400Z')
    expect(holder.program).to.equal(basename(process.argv[1] ?? ''))
    expect(holder.start !== undefined).to.equal(onLinux)
  })

  it('is another one each time, and always the same process', () => {
    expect(here().id).not.to.equal(here().id)
    expect(here().start).to.equal(here().start)
  })
})

describe('formatHolder and parseHolders', () => {
  it('are inverse, one line for each holder', () => {
    const holders = [
      here(),
      { ...here(), by: 'flock' as const, start: undefined },
      { ...here(), host: 'über "host"', program: 'my program \\ x=1 by=text' },
    ]
    const text = holders.map(formatHolder).join('')
    expect(text.split('\n')).to.have.length(holders.length + 1)
    expect(parseHolders(text)).to.deep.equal(holders)
  })

  it('leave out those who say that they hold no more', () => {
    const [one, two, three] = [here(), here(), here()] as const
    const text = [one, two, three].map(formatHolder).join('') + formatGone(two)
    expect(parseHolders(text)).to.deep.equal([one, three])
  })

  it('find a line behind a piece that a full disk has cut, and no piece', () => {
    const one = here()
    for (let length = 1; length < formatHolder(one).length; length++) {
      const piece = formatHolder(here()).slice(0, length)
      expect(parseHolders(piece), piece).to.deep.equal([])
      expect(parseHolders(piece + formatHolder(one)), piece).to.deep.equal([one])
    }
  })

  it('find nobody in what is no text of a lock', () => {
    for (const text of ['', '4711\n', '\0'.repeat(512), 'pid=1 host="x"\n', 'gone=1\n']) {
      expect(parseHolders(text)).to.deep.equal([])
    }
  })

  it('let nothing through that could act on a terminal', () => {
    const nasty = { ...here(), host: 'a\u001b[31mb', program: 'x\ny\u202e' }
    expect(parseHolders(formatHolder(nasty))[0]).to.include({ host: 'a?[31mb', program: 'x?y?' })
    const broken = formatHolder(here()).replace(/program="/, 'program="\\x')
    expect(parseHolders(broken)[0]).to.include({ program: '?' })
  })
})

describe('isAlive and isThisProcess', () => {
  it('know this process', () => {
    expect(isAlive(platform, here())).to.equal(true)
    expect(isThisProcess(platform, here())).to.equal(true)
  })

  it('know one that runs', () => {
    const parent = { ...here(), pid: process.ppid, start: undefined }
    const first = { ...here(), pid: 1, start: undefined }
    for (const holder of [parent, first]) {
      expect(isAlive(platform, holder)).to.equal(true)
      expect(isThisProcess(platform, holder)).to.equal(false)
    }
  })

  it('know one that belongs to somebody else', () => {
    const kill: unknown = Reflect.get(process, 'kill')
    process.kill = () => {
      throw systemError('EPERM')
    }
    try {
      expect(isAlive(platform, { ...here(), pid: process.ppid, start: undefined })).to.equal(true)
    } finally {
      Reflect.set(process, 'kill', kill)
    }
  })

  it('know one that ended', () => {
    expect(isAlive(platform, { ...here(), pid: deadPid() })).to.equal(false)
  })

  it('know one that was killed before its parent has asked', async function () {
    if (!onLinux) {
      console.log('      skipped: only Linux tells of processes that ended like this')
      this.skip()
    }
    const child = spawn('sleep', ['100'])
    const holder = { ...here(), pid: child.pid ?? 0, start: undefined }
    await once(child, 'spawn')
    expect(isAlive(platform, holder)).to.equal(true)
    child.kill('SIGKILL')
    const state = () => /\) (\w)/.exec(fs.readFileSync(`/proc/${child.pid}/stat`, 'utf8'))?.[1]
    while (state() !== 'Z'); // without a turn of the event loop, in which Node would ask
    expect(isAlive(platform, holder)).to.equal(false)
    await once(child, 'exit')
  })

  it('tell a process from one that had its number before', function () {
    if (!onLinux) {
      console.log('      skipped: only Linux tells when a process began')
      this.skip()
    }
    const before = { ...here(), start: '1' }
    expect(isAlive(platform, before)).to.equal(false)
    expect(isThisProcess(platform, before)).to.equal(false)
    expect(isAlive(platform, { ...before, pid: process.ppid })).to.equal(false)
  })

  it('tell this process from one that had its number, by the time, where nothing else is known', () => {
    const holder = { ...here(), start: undefined }
    expect(isAlive(platform, holder)).to.equal(true)
    expect(isThisProcess(platform, { ...holder, since: '2016-09-06T00:00:00.000Z' })).to.equal(
      false,
    )
    expect(isAlive(platform, { ...holder, since: '2016-09-06T00:00:00.000Z' })).to.equal(false)
  })

  it('take one on another host for alive: nobody here could know', () => {
    const far = { ...here(), host: 'far-away', pid: deadPid() }
    expect(isAlive(platform, far)).to.equal(true)
    expect(isThisProcess(platform, { ...far, pid: process.pid })).to.equal(false)
  })
})

describe('whyTaken', () => {
  const why = (holder?: LockHolder) => whyTaken(platform, holder, '/logs/.audit.log.lock')
  const other = (): LockHolder => ({ ...here(), pid: 4711, program: 'server.js', start: '1' })

  it('says who has it, and what to do', () => {
    expect(why(other())).to.equal(
      `it is in use by process 4711 (server.js) on ${hostname()} since 2016-09-07T13:03:57.400Z; ` +
        'end that one first, or give this one a path of its own',
    )
    expect(why()).to.equal(
      'it is in use by another process; end that one first, or give this one a path of its own',
    )
  })

  it('says when it is this process itself', () => {
    expect(why(here())).to.equal(
      'another appender of this process has had it open since 2016-09-07T13:03:57.400Z; ' +
        'close that one, or use it',
    )
  })

  it('says how to get on where it cannot be sure', () => {
    const hint = '. If that process is gone, delete /logs/.audit.log.lock'
    expect(why({ ...other(), host: 'far-away' })).to.match(/path of its own\. If /)
    expect(why({ ...other(), start: undefined })).to.satisfy((text: string) => text.endsWith(hint))
    expect(why({ ...other(), start: undefined, by: 'flock' })).not.to.include('delete')
  })
})
