import { gunzipSync } from 'node:zlib'
import { expect } from 'chai'
import fs from 'fs-extra'
import type { Backup } from '../../lib/backup/backup.js'
import { systemCode } from '../../lib/platform/rollkeeper-error.js'
import {
  DirectoryError,
  makeArchive,
  removeTemporary,
  temporaryPath,
  type ArchiveOrder,
} from '../../lib/retention/archive-file.js'
import { archivable } from '../support/archives.js'
import { FaultyDisk } from '../support/faulty-disk.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const NAME = 'audit-2016-09-07T13-03-57.400.log'

/** The error that a promise is rejected with. */
const errorOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => expect.fail('not rejected'),
    (error: unknown) => error,
  )

describe('temporaryPath', () => {
  it('is hidden, beside the archive, and no name of a backup', () => {
    expect(temporaryPath(`/logs/${NAME}.gz`)).to.equal(`/logs/.${NAME}.gz.tmp`)
    expect(temporaryPath(`${NAME}.gz`)).to.equal(`.${NAME}.gz.tmp`)
  })
})

describe('makeArchive', () => {
  const at = temporaryDirectory()
  let faulty: FaultyDisk
  let leftBehind: string[]
  beforeEach(() => {
    faulty = new FaultyDisk()
    leftBehind = []
    fs.writeFileSync(at(NAME), 'text\n', { mode: 0o600 })
  })

  const backup = (): Backup => archivable(at('audit.log'))[0]!
  const make = (order: Partial<ArchiveOrder> = {}): Promise<Backup | 'busy'> =>
    makeArchive(faulty.disk, {
      backup: backup(),
      level: 6,
      signal: new AbortController().signal,
      isAbandoned: () => false,
      isBusy: () => false,
      leftBehind: path => leftBehind.push(path),
      ...order,
    })

  it('tells what the backup is now, and how large', async () => {
    const before = { ...backup(), held: 'because' }
    const path = at(`${NAME}.gz`)
    expect(await make({ backup: before })).to.deep.equal({
      ...before,
      path,
      name: `${NAME}.gz`,
      bytes: fs.statSync(path).size,
      archived: true,
    })
    expect(String(gunzipSync(fs.readFileSync(path)))).to.equal('text\n')
    expect(fs.readdirSync(at())).to.deep.equal([`${NAME}.gz`])
  })

  it('asks whether this very file is busy, and does nothing then', async () => {
    const asked: unknown[] = []
    const isBusy: ArchiveOrder['isBusy'] = ({ ino }) => asked.push(ino) > 0
    expect(await make({ isBusy })).to.equal('busy')
    expect(asked).to.deep.equal([fs.statSync(at(NAME)).ino])
    expect(faulty.calls).to.deep.equal(['lstat'])
  })

  it('is rejected with the reason of its signal, and leaves nothing', async () => {
    const reason = new Error('no more')
    expect(await errorOf(make({ signal: AbortSignal.abort(reason) }))).to.equal(reason)
    expect(fs.readdirSync(at())).to.deep.equal([NAME])
    expect(leftBehind).to.deep.equal([])
  })

  it('tells what is wrong with the directory from what is wrong with one name', async () => {
    for (const code of ['EACCES', 'ENOSPC', 'EROFS']) {
      faulty.fail('create', code)
      const error = await errorOf(make())
      expect(error).to.be.an.instanceOf(DirectoryError)
      expect(systemCode((error as Error).cause)).to.equal(code)
    }
    for (const code of ['EEXIST', 'ENAMETOOLONG']) {
      faulty.fail('create', code)
      expect(systemCode(await errorOf(make()))).to.equal(code)
    }
    faulty.fail('lstat', 'EACCES')
    expect(await errorOf(make())).to.be.an.instanceOf(DirectoryError)
  })

  it('tells of what it cannot remove, and is rejected with what was wrong before', async () => {
    faulty.fail('writeLater', 'ENOSPC')
    faulty.fail('remove', 'EIO')
    expect(systemCode(await errorOf(make()))).to.equal('ENOSPC')
    expect(leftBehind).to.deep.equal([at(`.${NAME}.gz.tmp`)])
  })
})

describe('removeTemporary', () => {
  const at = temporaryDirectory()

  it('removes a file or a link, and is content where there is nothing', async () => {
    const { disk } = new FaultyDisk()
    fs.writeFileSync(at('file'), '')
    fs.symlinkSync(at('target'), at('link'))
    fs.writeFileSync(at('target'), '')
    fs.mkdirSync(at('directory'))
    for (const name of ['file', 'link', 'directory', 'none']) await removeTemporary(disk, at(name))
    expect(fs.readdirSync(at()).sort()).to.deep.equal(['directory', 'target'])
  })

  it('is rejected with what the system says, but for what vanished in this moment', async () => {
    fs.writeFileSync(at('file'), '')
    const vanishing = new FaultyDisk()
    vanishing.before('remove', () => fs.removeSync(at('file')))
    await removeTemporary(vanishing.disk, at('file'))
    fs.writeFileSync(at('file'), '')
    vanishing.fail('remove', 'EPERM')
    expect(systemCode(await errorOf(removeTemporary(vanishing.disk, at('file'))))).to.equal('EPERM')
  })
})
