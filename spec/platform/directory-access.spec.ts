import { expect } from 'chai'
import type { FileStatus } from '../../lib/platform/disk.js'
import { systemDisk } from '../../lib/platform/disk.js'
import {
  othersWhoMayDelete,
  othersWhoMayWrite,
  ownIdentity,
  trapAt,
} from '../../lib/platform/directory-access.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const US = { uid: 1000, gid: 100 }

const directory = (mode: number, uid: number, gid: number): FileStatus => ({
  dev: 1,
  ino: 1,
  nlink: 2,
  size: 4096,
  mode: 0o040000 | mode,
  uid,
  gid,
  birthtimeMs: 0,
  isFile: () => false,
})

describe('othersWhoMayWrite', () => {
  for (const [mode, uid, gid, expected] of [
    [0o700, 1000, 100, undefined],
    [0o755, 1000, 5, undefined],
    [0o775, 1000, 100, undefined], // our primary group, which on many systems is ours alone
    [0o775, 1000, 0, undefined],
    [0o755, 0, 0, undefined],
    [0o775, 0, 5, 'group 5'],
    [0o2775, 1000, 5, 'group 5'],
    [0o720, 1000, 5, 'group 5'],
    [0o777, 1000, 100, 'anybody'],
    [0o1777, 0, 0, 'anybody'],
    [0o702, 1000, 100, 'anybody'],
    [0o755, 33, 33, 'user 33'],
    [0o500, 33, 100, 'user 33'], // who may change that
  ] as const) {
    it(`is ${expected ?? 'nobody'} for ${mode.toString(8)} of user ${uid}, group ${gid}`, () => {
      expect(othersWhoMayWrite(directory(mode, uid, gid), US)).to.equal(expected)
    })
  }

  it('takes root for one that may write anyway, and its group for nobody else', () => {
    const root = { uid: 0, gid: 0 }
    expect(othersWhoMayWrite(directory(0o775, 0, 0), root)).to.equal(undefined)
    expect(othersWhoMayWrite(directory(0o755, 33, 0), root)).to.equal('user 33')
    expect(othersWhoMayWrite(directory(0o775, 0, 33), root)).to.equal('group 33')
  })

  describe('of this process', () => {
    const at = temporaryDirectory()

    it('is nobody for a directory that it made', () => {
      expect(othersWhoMayWrite(systemDisk.stat(at()))).to.equal(undefined)
    })
  })
})

describe('othersWhoMayDelete', () => {
  it('is who may write, but in a sticky directory nobody else than its owner', () => {
    expect(othersWhoMayDelete(directory(0o777, 0, 0), US)).to.equal('anybody')
    expect(othersWhoMayDelete(directory(0o775, 0, 5), US)).to.equal('group 5')
    expect(othersWhoMayDelete(directory(0o1777, 0, 0), US)).to.equal(undefined)
    expect(othersWhoMayDelete(directory(0o1775, 0, 5), US)).to.equal(undefined)
    expect(othersWhoMayDelete(directory(0o1777, 33, 0), US)).to.equal('user 33')
  })
})

describe('trapAt', () => {
  const file = (nlink: number, uid: number): FileStatus => ({
    ...directory(0o600, uid, 100),
    mode: 0o100600,
    nlink,
    isFile: () => true,
  })
  const safe = directory(0o700, 1000, 100)
  const shared = directory(0o775, 1000, 5)
  const sticky = directory(0o1777, 0, 0)

  it('finds none in a directory that is ours alone, whatever stands there', () => {
    expect(trapAt(file(2, 4711), safe, US)).to.equal(undefined)
  })

  it('finds a file with a second name where others may write', () => {
    for (const where of [shared, sticky]) {
      expect(trapAt(file(2, 1000), where, US)).to.include('a second name')
      expect(trapAt(file(1, 1000), where, US)).to.equal(undefined)
    }
  })

  it('finds a file of somebody else where anybody may write, but not of root or of its owner', () => {
    expect(trapAt(file(1, 4711), sticky, US)).to.include('user 4711')
    expect(trapAt(file(1, 0), sticky, US)).to.equal(undefined)
    expect(trapAt(file(1, 33), directory(0o777, 33, 33), US)).to.equal(undefined)
    expect(trapAt(file(1, 4711), shared, US)).to.equal(undefined) // whose group is trusted with that
  })
})

describe('ownIdentity', () => {
  it('is the one by which files are made', function () {
    const us = ownIdentity()
    if (!us) {
      console.log('      skipped: this system has no users and groups by number')
      this.skip()
    }
    expect(us).to.deep.equal({ uid: process.geteuid?.(), gid: process.getegid?.() })
  })
})
