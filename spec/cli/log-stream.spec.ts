import { expect } from 'chai'
import { once } from 'node:events'
import fs from 'fs-extra'
import { join } from 'node:path'
import { FileAppender } from '../../lib/appender/file-appender.js'
import type { AuditMode } from '../../lib/cli/audit-flags.js'
import { LogStream } from '../../lib/cli/log-stream.js'
import { makeDirectory, numberedLines } from './log-directory.js'

describe('LogStream', () => {
  let directory: string
  let path: string
  let log: FileAppender

  beforeEach(() => {
    directory = makeDirectory()
    path = join(directory, 'audit.log')
    log = new FileAppender({ path, onFull: 'drop' })
  })
  afterEach(async () => {
    await log.close()
    fs.removeSync(directory)
  })

  for (const mode of ['batch', 'blocking', 'blocking-strict'] satisfies AuditMode[]) {
    it(`cuts bytes into lines, keeps and counts them, in mode ${mode}`, async () => {
      const lines = new LogStream(log, mode)
      const text = numberedLines(1, 1000)
      lines.stream.write(text.slice(0, 1003))
      lines.stream.end(`${text.slice(1003)}no end`)
      await once(lines.stream, 'finish')
      log.flushSync()
      expect(fs.readFileSync(path, 'utf8')).to.equal(`${text}no end\n`)
      expect(lines.lines).to.equal(1001)
    })
  }

  it('fails for good in mode batch too when the log is closed', async () => {
    const { stream } = new LogStream(log, 'batch')
    await log.close()
    const failed = once(stream, 'error')
    stream.write('lost\n')
    expect(await failed).to.have.nested.property('[0].code', 'ERR_ROLLKEEPER_CLOSED')
  })

  it('ends in mode blocking-strict, and in no other, when the log cannot be written', async () => {
    const strict = new LogStream(log, 'blocking-strict').stream
    const others = [new LogStream(log, 'blocking').stream, new LogStream(log, 'batch').stream]
    const failed = once(strict, 'error')
    const why = Object.assign(new Error('full'), { code: 'ERR_ROLLKEEPER_FULL' })
    log.emit('warning', Object.assign(new Error('slow'), { code: 'ERR_ROLLKEEPER_PRUNE' }) as never)
    expect(strict.destroyed).to.equal(false)
    log.emit('warning', why as never)
    expect((await failed)[0]).to.equal(why)
    expect(others.map(({ destroyed }) => destroyed)).to.deep.equal([false, false])
  })
})
