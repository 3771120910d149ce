import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import fs from 'fs-extra'
import { scenarioNamed } from '../support/scenarios.js'
import { CrashMatrix, forEachOf } from './crash-matrix.js'
import {
  injecting,
  readRecording,
  recording,
  straceMissing,
  type Injection,
} from './system-calls.js'

/** `all`: at each call there is. Default: at some of each kind. */
const FORM = process.env['ROLLKEEPER_KILLS'] === 'all' ? 'all' : 'sample'
const EACH = FORM === 'all' ? Infinity : 2

const KILL = 'signal=SIGKILL'

/** What the kernel may say of each call (man pages of section 2), and that it may be the last. */
const WHAT: Readonly<Record<string, readonly string[]>> = {
  openat: ['error=EMFILE', 'error=EACCES', KILL],
  write: ['error=ENOSPC', 'error=EIO', 'error=EDQUOT', KILL],
  fdatasync: ['error=EIO', KILL],
  fsync: ['error=EIO', KILL],
  rename: ['error=EBUSY', 'error=EXDEV', KILL],
  link: ['error=EPERM', 'error=EMLINK', KILL],
  unlink: ['error=EACCES', 'error=EROFS', KILL],
  statx: ['error=EIO', KILL],
}

const SCENARIOS = [
  'append, sync',
  'rotate, flush',
  'rotate by size, sync',
  'recover several private names',
  'archive',
]

describe('a log whose system calls fail, or kill', function () {
  this.timeout(FORM === 'all' ? 3_600_000 : 180_000)
  let directory = ''
  let matrix: CrashMatrix
  const count = { hit: 0, missed: 0 }

  before(function () {
    const missing = straceMissing()
    if (missing !== undefined) {
      console.log(`skipped: ${missing}`)
      this.skip()
    }
    directory = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), 'rollkeeper-')))
    matrix = new CrashMatrix(directory)
  })
  after(() => fs.remove(directory))

  for (const name of SCENARIOS) {
    it(`keeps what it acknowledged, and goes on: ${name}`, async () => {
      const scenario = scenarioNamed(name)
      const trace = join(directory, 'trace')
      const recorded = await matrix.live(matrix.prepare(scenario), { wrapper: recording(trace) })
      const model = recorded.remains.path
      const { paths, counts } = readRecording(trace, model)
      await matrix.expectSound(recorded.remains, `${name}, recorded`)

      await forEachOf(injectionsInto(counts), async injection => {
        const what = `${name}, ${injection.call} ${injection.when}: ${injection.what}`
        const log = matrix.prepare(scenario)
        const own = paths.map(path => path.replace(dirname(model), dirname(log.path)))
        const hits = join(directory, `${name} ${Object.values(injection).join(' ')}`)
        const { remains, end } = await matrix.live(log, {
          wrapper: injecting(injection, own, hits),
        })
        // A call that a thread of the pool makes by chance is not always where it was.
        const isHit = end === 'killed' || fs.readFileSync(hits, 'utf8').includes('(INJECTED)')
        count[isHit ? 'hit' : 'missed']++
        await matrix.expectSound(remains, what)
      })
    })
  }

  it('did so at least a hundred times', () => {
    console.log(`      ${count.hit} injections, ${matrix.kills} of them kills`)
    expect(count.hit).to.be.at.least(100)
    expect(count.missed).to.be.at.most(count.hit / 20)
  })
})

/** Each kind of failure at some of the calls; by turns once, and from there on for good. */
function injectionsInto(counts: ReadonlyMap<string, number>): Injection[] {
  return Object.entries(WHAT).flatMap(([call, each]) =>
    each.flatMap(what =>
      numbersUpTo(counts.get(call) ?? 0).map((number, index) => {
        const isForGood = what !== KILL && index % 2 === 1
        return { call, what, when: isForGood ? `${number}+` : String(number) }
      }),
    ),
  )
}

/** Some of the numbers from 1 to a last one. */
function numbersUpTo(last: number): number[] {
  const count = Math.min(last, EACH)
  return Array.from({ length: count }, (_, index) => Math.ceil(((index + 0.5) * last) / count))
}
