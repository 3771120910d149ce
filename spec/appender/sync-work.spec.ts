import { expect } from 'chai'
import type { FileStatus } from '../../lib/platform/disk.js'
import type { RollkeeperError } from '../../lib/platform/rollkeeper-error.js'
import { OpenFile } from '../../lib/appender/open-file.js'
import { parseOptions, type FileAppenderOptions } from '../../lib/appender/options.js'
import { SyncWork } from '../../lib/appender/sync-work.js'
import { plainBackup } from '../../lib/backup/backup.js'
import { FaultyDisk, systemError } from '../support/faulty-disk.js'
import { ManualClock } from '../support/manual-clock.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

describe('SyncWork', () => {
  const at = temporaryDirectory()
  let faulty: FaultyDisk
  let clock: ManualClock
  let told: string[]
  let file: OpenFile
  let released: FileStatus[]

  const open = (name: string): OpenFile => {
    const making = { file: { mode: 0o600 }, directoryMode: 0o700 }
    return OpenFile.open({ disk: faulty.disk, clock }, at(name), making)
  }

  function begin(options: Partial<FileAppenderOptions> = {}): SyncWork {
    file = open('audit.log')
    const sequence = {
      get file() {
        return file
      },
      rotator: {
        release(rotated: FileStatus): void {
          released.push(rotated)
          faulty.disk.unlink(at('private'))
        },
      },
      tryRotate: (reason: string) => told.push(`rotate for ${reason}`) > 0,
    }
    const settings = parseOptions({ path: at('audit.log'), ...options })
    return new SyncWork({ disk: faulty.disk, clock }, settings, sequence, {
      rotationEnded: () => told.push('rotation ended'),
      failed: ({ code }: RollkeeperError) => told.push(`failed ${code}`),
      warn: ({ code }: RollkeeperError) => told.push(`warning ${code}`),
    })
  }

  /** The next file is open, and the one before is a backup. */
  function rotate(work: SyncWork): OpenFile {
    const old = file
    old.append(Buffer.from('record\n'))
    faulty.disk.link(at('audit.log'), at('private'))
    faulty.disk.unlink(at('audit.log'))
    file = open('audit.log')
    work.retire(old, plainBackup(at('audit.log'), new Date(0), 7))
    return old
  }

  beforeEach(() => {
    faulty = new FaultyDisk()
    clock = new ManualClock()
    told = []
    released = []
  })

  it('syncs a rotated file and its directory behind, then ends the rotation', async () => {
    const work = begin()
    const old = rotate(work)
    await work.commit.idle()
    expect(released).to.deep.equal([old.status])
    expect(told).to.deep.equal(['rotation ended'])
    const syncs = faulty.calls.filter(call => /sync|unlink|close/.test(call))
    expect(syncs.slice(-4)).to.deep.equal(['datasync', 'close', 'syncDirectory', 'unlink'])
  })

  it('warns when a rotation cannot end, and lets the work on the backup begin all the same', async () => {
    const work = begin()
    rotate(work)
    faulty.fail('unlink', 'EROFS')
    await work.commit.idle()
    expect(told).to.deep.equal(['warning ERR_ROLLKEEPER_ROTATE', 'rotation ended'])
  })

  it('leaves a file whose sync failed, until it stops', async () => {
    const work = begin({ durability: 'sync' })
    file.append(Buffer.from('record\n'))
    faulty.before('datasync', () => Promise.reject(systemError('EIO')))
    const error = await work.commit.commit().catch((caught: unknown) => caught)
    expect(error).to.have.property('code', 'ERR_ROLLKEEPER_SYNC')
    expect(told).to.deep.equal(['failed ERR_ROLLKEEPER_SYNC', 'rotate for a sync that failed'])
    await work.finish().catch(() => undefined)
    told = []
    work.leaveFailedFile()
    expect(told).to.deep.equal([])
  })

  it('syncs at its end what the options promise, and nothing else', async () => {
    const cases: [Partial<FileAppenderOptions>, number][] = [
      [{}, 0],
      [{ syncInterval: '1s' }, 1],
      [{ durability: 'sync' }, 1],
    ]
    for (const [options, syncs] of cases) {
      const work = begin(options)
      file.append(Buffer.from('record\n'))
      work.written()
      faulty.calls.length = 0
      await work.finish()
      expect(faulty.calls.filter(call => call === 'datasync')).to.have.length(syncs)
    }
  })
})
