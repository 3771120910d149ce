import { expect } from 'chai'
import fs from 'fs-extra'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { LogDestination } from '../../lib/cli/destination.js'
import { UsageError } from '../../lib/cli/report.js'
import { RollkeeperError } from '../../lib/platform/rollkeeper-error.js'
import { makeDirectory, numberedLines, readLog } from './log-directory.js'

describe('LogDestination', () => {
  let directory: string
  let path: string

  beforeEach(() => {
    directory = makeDirectory()
    path = join(directory, 'audit.log')
  })
  afterEach(() => fs.remove(directory))

  it('has kept and counted every line when it has finished', async () => {
    const destination = new LogDestination({ path, maxSize: 10_000 })
    const text = numberedLines(1, 5000)
    await destination.finish(pipeline(Readable.from([Buffer.from(text)]), destination.stream))
    expect(destination).to.include({ lines: 5000, sound: true })
    expect(await readLog(path)).to.equal(text)
  })

  it('has kept and counted every line that it took without waiting', async () => {
    const destination = new LogDestination({ path, maxSize: 10_000 }, 'batch')
    const text = numberedLines(1, 5000)
    await destination.finish(pipeline(Readable.from([Buffer.from(text)]), destination.stream))
    expect(destination).to.include({ lines: 5000, sound: true })
    expect(await readLog(path)).to.equal(text)
  })

  it('rejects with what broke the stream, after the log is closed', async () => {
    const destination = new LogDestination({ path })
    const broken = pipeline(async function* () {
      yield Buffer.from('kept\n')
      throw new Error('broken')
    }, destination.stream)
    const error: unknown = await destination.finish(broken).catch((reason: unknown) => reason)
    expect(error).to.be.an('error').with.property('message', 'broken')
    expect(fs.readFileSync(path, 'utf8')).to.equal('kept\n')
  })

  it('tells a mistake of usage from a log that cannot be opened', () => {
    const tooLong = join(directory, 'x'.repeat(250))
    expect(() => new LogDestination({ path: tooLong })).to.throw(UsageError, /^--path: /)
    const level = { path, compress: { gzip: 10 } }
    expect(() => new LogDestination(level)).to.throw(UsageError, /^--compress: /)
    const total = { path, maxTotalSize: 0 }
    expect(() => new LogDestination(total)).to.throw(UsageError, /^--max-total-size: /)
    expect(() => new LogDestination({ path: directory })).to.throw(RollkeeperError)
  })
})
