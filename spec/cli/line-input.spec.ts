import { expect } from 'chai'
import fs from 'fs-extra'
import { execFileSync } from 'node:child_process'
import { Socket } from 'node:net'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { LineInput } from '../../lib/cli/line-input.js'
import { makeDirectory, numberedLines } from './log-directory.js'

const { O_NONBLOCK, O_RDONLY, O_RDWR } = fs.constants
const NO_FD = -1

describe('LineInput', () => {
  let directory: string

  beforeEach(() => {
    directory = makeDirectory()
  })
  afterEach(() => fs.remove(directory))

  /** A pipe, filled; the end that writes stays open, so it has no end of input. */
  function filledPipe(content: string): { readFd: number; writeFd: number } {
    const path = join(directory, 'pipe')
    execFileSync('mkfifo', [path])
    const writeFd = fs.openSync(path, O_RDWR)
    fs.writeSync(writeFd, content)
    return { readFd: fs.openSync(path, O_RDONLY | O_NONBLOCK), writeFd }
  }

  it('takes what waits in the pipe when it is told to stop', async () => {
    const content = numberedLines(1, 4000)
    const { readFd, writeFd } = filledPipe(content)
    const input = new LineInput(new Socket({ fd: readFd, writable: false }), readFd)
    input.stop()
    await input.over
    expect(input.lines).to.equal(4000)
    expect(await text(input.stream)).to.equal(content)
    fs.closeSync(writeFd)
  })

  it('takes what its source has in memory before what waits in the pipe', async () => {
    const { readFd, writeFd } = filledPipe('in the pipe\n')
    const source = new PassThrough()
    const input = new LineInput(source, readFd)
    source.pause().write('in memory\n')
    input.stop()
    input.stop()
    expect(await text(input.stream)).to.equal('in memory\nin the pipe\n')
    fs.closeSync(writeFd)
    fs.closeSync(readFd)
  })

  it('sees the end of its source while nobody takes what it has', async () => {
    const source = new PassThrough()
    const input = new LineInput(source, fs.openSync('/dev/null', 'r'))
    source.end('x'.repeat(1_000_000))
    await input.over
    expect(input.lines).to.equal(1)
  })

  it('is over when told to stop though nobody takes what it has', async () => {
    const source = new PassThrough({ highWaterMark: 4 * 1024 * 1024 })
    const input = new LineInput(source, fs.openSync('/dev/null', 'r'))
    for (let times = 0; times < 4; times++) source.write(Buffer.alloc(1_000_000, 'y\n'))
    await new Promise(setImmediate)
    input.stop()
    await input.over
    expect(input.lines).to.equal(2_000_000)
  })

  it('rejects when its source cannot be read, and keeps what came before', async () => {
    const source = new PassThrough()
    const input = new LineInput(source, NO_FD)
    source.write('before\n')
    source.destroy(new Error('EIO'))
    const error: unknown = await input.over.catch((reason: unknown) => reason)
    expect(error).to.be.an('error').with.property('message', 'EIO')
    expect(await text(input.stream)).to.equal('before\n')
  })
})
