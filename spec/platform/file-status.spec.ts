import { expect } from 'chai'
import fs from 'fs-extra'
import { systemDisk } from '../../lib/platform/disk.js'
import { sameFile } from '../../lib/platform/file-status.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

describe('sameFile', () => {
  const at = temporaryDirectory()

  it('knows a file by any of its names, and tells two that look alike apart', () => {
    fs.writeFileSync(at('one'), 'x')
    fs.writeFileSync(at('two'), 'x')
    fs.linkSync(at('one'), at('other name'))
    const [one, two, other] = ['one', 'two', 'other name'].map(name => systemDisk.lstat(at(name))!)
    expect(sameFile(one!, other!)).to.equal(true)
    expect(sameFile(one!, two!)).to.equal(false)
  })

  it('tells the same inode of two devices apart', () => {
    const status = systemDisk.stat(at())
    const elsewhere = Object.create(status, { dev: { value: status.dev + 1 } })
    expect(sameFile(status, elsewhere)).to.equal(false)
  })
})
