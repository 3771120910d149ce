import { expect } from 'chai'
import fs from 'fs-extra'
import { systemCode } from '../../lib/platform/rollkeeper-error.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { parseFault } from './fault-points.js'
import { InjectedDisk, promptDisk } from './injected-disk.js'

describe('InjectedDisk', () => {
  const at = temporaryDirectory()
  const inject = (...faults: string[]): InjectedDisk =>
    new InjectedDisk(promptDisk, faults.map(parseFault))
  const codeOf = (call: () => unknown): string | undefined => {
    try {
      call()
      return undefined
    } catch (error) {
      return systemCode(error)
    }
  }
  const text = Buffer.from('eight by')
  const write = (injected: InjectedDisk, fd: number): number =>
    injected.disk.write(fd, text, 0, text.length)

  it('lets the call that is meant fail, as often as it is meant to, and no other', () => {
    const { disk } = inject('lstat#2 EIO without thrice')
    const codes = Array.from({ length: 6 }, () => codeOf(() => disk.lstat(at())))
    expect(codes).to.deep.equal([undefined, 'EIO', 'EIO', 'EIO', undefined, undefined])
    expect(codeOf(() => disk.stat(at()))).to.equal(undefined)
  })

  it('can have several faults, of which the first that comes counts', () => {
    const injected = inject('lstat#2 EIO without once', 'stat#1 EACCES without once')
    expect(injected.disk.lstat(at())).to.not.equal(undefined)
    expect(codeOf(() => injected.disk.stat(at()))).to.equal('EACCES')
    expect(injected.wasFaulty).to.equal(false)
    expect(codeOf(() => injected.disk.lstat(at()))).to.equal('EIO')
    expect(injected.wasFaulty).to.equal(true)
  })

  it('lets a call fail without effect, or after it', () => {
    for (const [effect, isThere] of [
      ['without', true],
      ['after', false],
    ]) {
      fs.writeFileSync(at('file'), '')
      const { disk } = inject(`unlink#1 EBUSY ${effect} once`)
      expect(codeOf(() => disk.unlink(at('file')))).to.equal('EBUSY')
      expect(fs.existsSync(at('file'))).to.equal(isThere)
    }
  })

  it('writes a part, and says so, or fails, or fails the next time', () => {
    const results: unknown[] = []
    for (const fault of ['short part once', 'EIO part once', 'short,ENOSPC part once']) {
      const injected = inject(`write#1 ${fault}`)
      const fd = injected.disk.create(at(fault), { mode: 0o600 })
      for (let writes = 0; writes < 3; writes++) {
        try {
          results.push(write(injected, fd))
        } catch (error) {
          results.push(systemCode(error))
        }
      }
      results.push(fs.statSync(at(fault)).size)
      injected.heal()
    }
    expect(results).to.deep.equal([4, 8, 8, 20, 'EIO', 8, 8, 20, 4, 'ENOSPC', 8, 12])
  })

  it('lets the whole disk die at a call, until it is healed', () => {
    const injected = inject('stat#1 EIO without dead')
    const fd = injected.disk.create(at('file'), { mode: 0o600 })
    expect(codeOf(() => injected.disk.stat(at()))).to.equal('EIO')
    expect(codeOf(() => write(injected, fd))).to.equal('EIO')
    injected.heal()
    expect(codeOf(() => injected.disk.stat(at()))).to.equal(undefined)
  })

  it('fails calls that answer later, and each step of a reading', async () => {
    const failed = inject('datasync#1 EIO without once')
    const fd = failed.disk.create(at('file'), { mode: 0o600 })
    expect(await failed.disk.datasync(fd).catch(systemCode)).to.equal('EIO')
    failed.heal()
    const read = async (fault: string): Promise<void> => {
      for await (const some of inject(fault).disk.entries(at())) expect(some).to.have.length(1)
    }
    expect(await read('entries#1 EMFILE without once').catch(systemCode)).to.equal('EMFILE')
    expect(await read('entries.next#1 EIO without once').catch(systemCode)).to.equal('EIO')
    const scan = inject('scan.next#2 ENOENT without once').disk.scan(at())
    expect(scan.next()).to.deep.equal(['file'])
    expect(codeOf(() => scan.next())).to.equal('ENOENT')
    scan.close()
  })

  it('knows what is still open, and who uses what is not', () => {
    const injected = inject('close#1 EIO without once')
    const { disk } = injected
    const fd = disk.create(at('file'), { mode: 0o600 })
    const other = disk.openToRead(at('file'))
    expect(codeOf(() => disk.close(fd))).to.equal('EIO')
    expect(injected.leaks).to.deep.equal([`openToRead ${at('file')}`])
    disk.close(other)
    expect(injected.defects).to.deep.equal([])
    disk.fstat(fd)
    expect(injected.defects).to.deep.equal(['fstat of a descriptor that is not open'])
    injected.heal()
  })

  it('ends what is tried without end', () => {
    const injected = inject('lstat#1 EIO without forever')
    let tries = 0
    while (codeOf(() => injected.disk.lstat(at())) !== undefined) tries++
    expect(tries).to.equal(2000)
    expect(injected.defects).to.deep.equal(['endless: lstat is tried again and again'])
  })
})
