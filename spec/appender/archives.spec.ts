import { execFileSync } from 'node:child_process'
import { gunzipSync } from 'node:zlib'
import { expect } from 'chai'
import fs from 'fs-extra'
import { FileAppender } from '../../lib/appender/file-appender.js'
import { every } from '../../lib/rotation/time-policy.js'
import { systemDisk } from '../../lib/platform/disk.js'
import { expectSoundDirectory, readLines } from '../support/log-directory.js'
import { ManualClock } from '../support/manual-clock.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

describe('FileAppender, with compress', () => {
  const at = temporaryDirectory()
  const record = (number: number): string => `record ${number} `.padEnd(99, 'x') + '\n'

  it('has made all archives when it is closed, told of each, and kept each byte', async () => {
    const log = new FileAppender({ path: at('audit.log'), maxSize: 10_000, compress: 'gzip' })
    const archives: string[] = []
    log.on('archive', ({ name, archived }) => archives.push(`${name} ${archived}`))
    for (let number = 0; number < 1000; number++) log.write(record(number))
    await log.close()
    expect(log.stats()).to.include({ rotations: 9, archived: 9, errors: 0 })
    const names = fs.readdirSync(at()).sort()
    expect(names.filter(name => name.endsWith('.gz'))).to.have.length(9)
    expect(names).to.have.length(10)
    await new Promise(setImmediate)
    expect(archives.sort()).to.deep.equal(names.slice(0, 9).map(name => `${name} true`))
    for (const name of names.slice(0, 9)) {
      const zipped = execFileSync('gzip', ['-dc', at(name)])
      expect(zipped.equals(gunzipSync(fs.readFileSync(at(name))))).to.equal(true)
    }
    const expected = Array.from({ length: 1000 }, (_, number) => record(number).trimEnd())
    expect(readLines(at('audit.log'))).to.deep.equal(expected)
    expectSoundDirectory(at('audit.log'))
  })

  it('counts archives, not their sources, for maxTotalSize', async () => {
    const options = { maxSize: 10_000, maxTotalSize: 15_000, compress: { gzip: 9 } } as const
    const log = new FileAppender({ path: at('audit.log'), ...options })
    for (let number = 0; number < 1000; number++) {
      log.write(record(number))
      if (number % 100 === 99) await log.settled()
    }
    await log.close()
    expect(log.stats()).to.include({ archived: 9, pruned: 0 }) // uncompressed, one would fit
  })
})

describe('FileAppender, opened again with a policy of time', () => {
  const at = temporaryDirectory()

  it('closes a file that was found by its birth, not by its opening', async () => {
    fs.writeFileSync(at('audit.log'), 'found\n')
    const { birthtimeMs } = fs.statSync(at('audit.log'))
    const nextHour = Math.floor(birthtimeMs / 3_600_000 + 1) * 3_600_000
    const clock = new ManualClock(new Date(nextHour + 1000).toISOString())
    const platform = { disk: systemDisk, clock }
    const log = new FileAppender({ path: at('audit.log'), rotation: every('1h') }, platform)
    await log.append('after the hour\n')
    const backups = await log.backups()
    expect(backups.map(({ path }) => fs.readFileSync(path, 'utf8'))).to.deep.equal(['found\n'])
    expect(fs.readFileSync(at('audit.log'), 'utf8')).to.equal('after the hour\n')
    await log.close()
  })
})
