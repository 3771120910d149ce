import { expect } from 'chai'
import fs from 'fs-extra'
import { FileAppender } from '../../lib/appender/file-appender.js'
import { systemDisk } from '../../lib/platform/disk.js'
import { systemCode } from '../../lib/platform/rollkeeper-error.js'
import { ManualClock } from '../support/manual-clock.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

/** What `docs/operations.md` and `docs/security.md` say that nothing in a log can help against. */
describe('a log is not protected', () => {
  const at = temporaryDirectory()
  let clock: ManualClock
  let log: FileAppender
  let warnings: string[]
  beforeEach(() => {
    clock = new ManualClock()
    warnings = []
    log = new FileAppender({ path: at('audit.log') }, { disk: systemDisk, clock })
    log.on('warning', ({ code }) => warnings.push(code))
  })
  afterEach(() => log.close())

  const backUp = async (text: string): Promise<string> => {
    await log.append(`${text}\n`)
    const { path = '' } = (await log.rotate()) ?? {}
    await log.settled()
    return path
  }

  it('from who may write to its directory and deletes a backup, even a held one', async () => {
    const path = await backUp('evidence')
    const [backup] = await log.backups()
    if (backup) await log.hold(backup, 'case 7')
    fs.removeSync(path)
    fs.removeSync(`${path}.hold`)
    expect(await log.backups()).to.deep.equal([])
    expect(warnings).to.deep.equal([])
  })

  it('from who replaces a backup by another file: without a seal nobody can tell', async () => {
    const path = await backUp('evidence')
    fs.writeFileSync(path, 'forged\n')
    const [backup] = await log.backups()
    expect(backup).to.include({ path, bytes: 7 })
    expect(warnings).to.deep.equal([])
  })

  it('from who may read its files: an open descriptor outlives a change of the mode', async () => {
    await log.append('before\n')
    fs.chmodSync(at('audit.log'), 0o644)
    const reader = fs.openSync(at('audit.log'), 'r')
    fs.chmodSync(at('audit.log'), 0o600)
    await log.append('secret\n')
    expect(fs.readFileSync(reader, 'utf8')).to.equal('before\nsecret\n')
    fs.closeSync(reader)
  })

  it('from root, whom no permission keeps out', async function () {
    if (process.getuid?.() !== 0) {
      console.log('      skipped: only root may try')
      this.skip()
    }
    const path = await backUp('evidence')
    fs.chmodSync(path, 0o000)
    fs.chmodSync(at(), 0o500)
    expect(fs.readFileSync(path, 'utf8')).to.equal('evidence\n')
    fs.removeSync(path)
    expect(await log.backups()).to.deep.equal([])
    fs.chmodSync(at(), 0o700)
  })

  it('where a file system cannot sync a directory: it goes on, as if it could', async function () {
    if (process.platform !== 'linux') {
      console.log('      skipped: no file system of that kind is at hand')
      this.skip()
    }
    const fd = fs.openSync('/proc', 'r')
    try {
      fs.fsyncSync(fd)
      expect.fail('it could')
    } catch (error) {
      expect(systemCode(error)).to.equal('EINVAL')
    } finally {
      fs.closeSync(fd)
    }
    await systemDisk.syncDirectory('/proc')
  })
})
