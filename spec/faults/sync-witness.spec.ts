import { expect } from 'chai'
import { systemDisk } from '../../lib/platform/disk.js'
import { systemError } from '../support/faulty-disk.js'
import { bytesOf } from '../support/ledger.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { promptDisk } from './injected-disk.js'
import { SyncWitness } from './sync-witness.js'

describe('SyncWitness', () => {
  const at = temporaryDirectory()
  const problem = ['not synced: record 3 was acknowledged']
  let answer: 'synced' | 'failed'
  let witness: SyncWitness
  let fd: number

  const sync = (): Promise<void> => witness.disk.datasync(fd).catch(() => undefined)
  const write = (): number => witness.disk.write(fd, bytesOf(3), 0, bytesOf(3).length)
  const problems = (): readonly string[] => {
    witness.acknowledged(3)
    return witness.problems
  }

  beforeEach(() => {
    answer = 'synced'
    witness = new SyncWitness({
      ...promptDisk,
      async datasync(given) {
        if (answer === 'failed') throw systemError('EIO')
        await promptDisk.datasync(given)
      },
    })
    fd = witness.disk.create(at('audit.log'), { mode: 0o600 })
  })
  afterEach(() => systemDisk.close(fd))

  it('has no problem with a record whose file and directory were synced after it came', async () => {
    write()
    await sync()
    await witness.disk.syncDirectory(at())
    expect(problems()).to.deep.equal([])
  })

  it('has one where the file was not synced', async () => {
    write()
    await witness.disk.syncDirectory(at())
    expect(problems()).to.deep.equal(problem)
  })

  it('has one where the directory was not synced', async () => {
    write()
    await sync()
    expect(problems()).to.deep.equal(problem)
  })

  it('has one where the record came while the sync was under way', async () => {
    witness.disk.syncDirectoryNow(at())
    const under = sync()
    write()
    await under
    expect(problems()).to.deep.equal(problem)
  })

  it('has one where a sync failed that had it, whatever the next one says', async () => {
    witness.disk.syncDirectoryNow(at())
    write()
    answer = 'failed'
    await sync()
    answer = 'synced'
    await sync()
    expect(problems()).to.deep.equal(problem)
  })

  it('has none where the sync that failed came after the one that had it', async () => {
    witness.disk.syncDirectoryNow(at())
    write()
    await sync()
    answer = 'failed'
    await sync()
    expect(problems()).to.deep.equal([])
  })
})
