import { expect } from 'chai'
import fs from 'fs-extra'
import { readContents, reportStrayHolds } from '../../lib/cli/log-contents.js'
import { systemDisk, type Disk } from '../../lib/platform/disk.js'
import { ManualClock } from '../support/manual-clock.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { lookOf, makeBackup } from './log-directory.js'

const FIRST = '2016-09-07T13:03:57.400Z'
const SECOND = '2016-09-08T13:03:57.400Z'

describe('readContents', () => {
  const at = temporaryDirectory()
  const clock = new ManualClock()
  const read = (disk: Disk = systemDisk, path = at('audit.log')): ReturnType<typeof readContents> =>
    readContents({ disk, clock }, path)

  /** The message of a rejection. */
  const refusal = async (reading: Promise<unknown>): Promise<string> => {
    const error: unknown = await reading.catch((reason: unknown) => reason)
    expect(error).to.be.an('error')
    return (error as Error).message
  }

  it('tells the active file, backups and archives newest first, holds, and changes nothing', async () => {
    fs.writeFileSync(at('audit.log'), 'record\n')
    const first = makeBackup(at('audit.log'), FIRST, 5)
    const second = makeBackup(at('audit.log'), SECOND, 7, '.gz')
    fs.writeFileSync(`${first}.hold`, 'case 4711\n')
    makeBackup(at('other.log'), FIRST)
    const before = lookOf(at())
    const { active, backups, strayHolds } = await read()
    expect(lookOf(at())).to.deep.equal(before)
    expect(active).to.deep.equal({
      path: at('audit.log'),
      openedAt: new Date(fs.statSync(at('audit.log')).birthtimeMs),
      bytes: 7,
    })
    expect(backups).to.have.lengthOf(2)
    expect(backups[0]).to.include({ path: second, bytes: 7, archived: true })
    expect(backups[1]).to.include({ path: first, bytes: 5, archived: false, held: 'case 4711' })
    expect(strayHolds).to.deep.equal([])
  })

  it('tells backups where there is no active file, and the file where there is no backup', async () => {
    makeBackup(at('audit.log'), FIRST)
    fs.writeFileSync(at('other.log'), '')
    expect(await read())
      .to.include({ active: undefined })
      .and.have.property('backups')
      .lengthOf(1)
    const other = await read(systemDisk, at('other.log'))
    expect(other.active).to.include({ bytes: 0 })
    expect(other.backups).to.deep.equal([])
  })

  it('takes a file without a birth time for a new one', async () => {
    fs.writeFileSync(at('audit.log'), '')
    const lstat: Disk['lstat'] = path => {
      const status = systemDisk.lstat(path)
      return status && Object.create(status, { birthtimeMs: { value: 0 } })
    }
    const { active } = await read({ ...systemDisk, lstat })
    expect(active?.openedAt.getTime()).to.equal(clock.now())
  })

  it('shows each file once where the log rotates meanwhile', async () => {
    fs.writeFileSync(at('audit.log'), 'old\n')
    let rotations = 0
    const entries: Disk['entries'] = async function* (directory) {
      yield* systemDisk.entries(directory)
      if (rotations++ > 0) return
      fs.renameSync(at('audit.log'), makeBackup(at('audit.log'), FIRST))
      fs.writeFileSync(at('audit.log'), 'new record\n')
    }
    const { active, backups } = await read({ ...systemDisk, entries })
    expect(active).to.include({ bytes: 11 })
    expect(backups.map(({ bytes }) => bytes)).to.deep.equal([4])
  })

  it('gives up waiting for a log that never comes to rest', async () => {
    let readings = 0
    const entries: Disk['entries'] = async function* (directory) {
      yield* systemDisk.entries(directory)
      readings++
      fs.writeFileSync(at('next'), 'x')
      fs.renameSync(at('next'), at('audit.log'))
    }
    expect((await read({ ...systemDisk, entries })).active).to.include({ bytes: 1 })
    expect(readings).to.equal(5)
  })

  it('refuses where there is nothing, not even the directory', async () => {
    fs.writeFileSync(at('file'), '')
    makeBackup(at('other.log'), FIRST)
    for (const path of [at('audit.log'), at('none', 'audit.log'), at('file', 'audit.log')]) {
      const message = await refusal(read(systemDisk, path))
      expect(message).to.equal(`no log at ${path}: there is no such file, and no backup of it`)
    }
  })

  it('refuses what is no regular file', async () => {
    fs.writeFileSync(at('real.log'), '')
    fs.symlinkSync('real.log', at('audit.log'))
    expect(await refusal(read())).to.include('not a regular file')
    expect(await refusal(read(systemDisk, at()))).to.include('not a regular file')
  })

  it('says what the system says', async () => {
    const entries = (): never => {
      throw Object.assign(new Error('no'), { code: 'EACCES' })
    }
    const message = await refusal(read({ ...systemDisk, entries }))
    expect(message).to.equal(`cannot read the log at ${at('audit.log')} (EACCES)`)
  })
})

describe('reportStrayHolds', () => {
  it('names each', () => {
    const { stderr } = process
    const write = stderr.write.bind(stderr)
    let text = ''
    stderr.write = (piece: string | Uint8Array) => {
      text += String(piece)
      return true
    }
    try {
      reportStrayHolds({ active: undefined, backups: [], strayHolds: ['/l/a.hold', '/l/b.hold'] })
    } finally {
      stderr.write = write
    }
    expect(text).to.equal(
      'rollkeeper: /l/a.hold holds nothing: there is no such backup\n' +
        'rollkeeper: /l/b.hold holds nothing: there is no such backup\n',
    )
  })
})
