import { expect } from 'chai'
import { ForgetfulDisk } from './forgetful-disk.js'
import { PIECE_BYTES, Snapshot, type Loss, type NamesLoss } from './power-loss.js'

const MODE = { mode: 0o600 }

/** The names that are left in `/`. */
function namesAfter(disk: ForgetfulDisk, names: NamesLoss): string {
  return new Snapshot(disk).powerLoss({ names, data: 'new' }).names('/').join(' ')
}

/** All that different seeds leave of the names in `/`. */
function anyNamesAfter(disk: ForgetfulDisk, of: 'journal' | 'causes' | 'subset' | 'each name') {
  const all = new Set<string>()
  for (let seed = 0; seed < 300; seed++) all.add(namesAfter(disk, { seed, of }))
  return [...all].sort()
}

describe('Snapshot', () => {
  /** A rotation in small: a synced file gets another name, and a second one. */
  const rotated = async (): Promise<ForgetfulDisk> => {
    const disk = new ForgetfulDisk()
    disk.close(disk.create('/active', MODE))
    await disk.syncDirectory('/')
    disk.rename('/active', '/private')
    disk.link('/private', '/backup')
    disk.close(disk.create('/active', MODE))
    return disk
  }

  it('has what was synced, whatever the loss', async () => {
    const disk = new ForgetfulDisk()
    const fd = disk.create('/a', MODE)
    disk.write(fd, Buffer.from('synced'), 0, 6)
    await disk.datasync(fd)
    await disk.syncDirectory('/')
    for (const names of ['none', 'all'] as const) {
      for (const data of ['old', 'new', 'zeros', { seed: 1 }] as const) {
        const left = new Snapshot(disk).powerLoss({ names, data })
        expect(String(left.peek('/a'))).to.equal('synced')
      }
    }
  })

  it('forgets a file whose name was not synced, though its data was', async () => {
    const disk = new ForgetfulDisk()
    const fd = disk.create('/a', MODE)
    disk.write(fd, Buffer.from('data'), 0, 4)
    await disk.datasync(fd)
    expect(namesAfter(disk, 'none')).to.equal('')
  })

  it('counts as synced only what was there when the sync began', async () => {
    const disk = new ForgetfulDisk()
    const fd = disk.create('/a', MODE)
    const synced = [disk.datasync(fd), disk.syncDirectory('/')]
    disk.write(fd, Buffer.from('late'), 0, 4)
    disk.close(disk.create('/late', MODE))
    await Promise.all(synced)
    const left = new Snapshot(disk).powerLoss({ names: 'none', data: 'old' })
    expect(left.names('/')).to.deep.equal(['a'])
    expect(String(left.peek('/a'))).to.equal('')
  })

  it('keeps a prefix as a journal does', async () => {
    const disk = await rotated()
    const all = ['active', 'active backup private', 'backup private', 'private']
    expect(anyNamesAfter(disk, 'journal')).to.deep.equal(all)
  })

  it('keeps what has its causes, in any order', async () => {
    const disk = await rotated()
    const all = ['active', 'active backup private', 'active private', 'backup private', 'private']
    expect(anyNamesAfter(disk, 'causes')).to.deep.equal(all)
  })

  it('keeps a link without what made its source, as two names of one file', async () => {
    const disk = await rotated()
    expect(anyNamesAfter(disk, 'subset')).to.include('active backup')
    const left = new Snapshot(disk).powerLoss({ names: { keep: 1, of: 'subset' }, data: 'new' })
    expect(left.names('/')).to.deep.equal(['active', 'backup'])
    expect(left.inode('/active')).to.equal(left.inode('/backup'))
    expect(left.lstat('/backup')?.nlink).to.equal(2)
  })

  it('never makes half a rename, but where each name is by itself', async () => {
    const disk = new ForgetfulDisk()
    disk.close(disk.create('/a', MODE))
    await disk.syncDirectory('/')
    disk.rename('/a', '/b')
    for (const of of ['journal', 'causes', 'subset'] as const) {
      expect(anyNamesAfter(disk, of)).to.deep.equal(['a', 'b'])
    }
    expect(anyNamesAfter(disk, 'each name')).to.deep.equal(['', 'a', 'a b', 'b'])
  })

  it('forgets with an operation all that was built on it', async () => {
    const disk = await rotated()
    expect(namesAfter(disk, { forget: 0, of: 'causes' })).to.equal('active')
    expect(namesAfter(disk, { forget: 0, of: 'subset' })).to.equal('active backup')
    expect(namesAfter(disk, { keep: 2, of: 'causes' })).to.equal('active private')
    expect(namesAfter(disk, { first: 1 })).to.equal('private')
  })

  it('loses data piece by piece, each as it was at some moment', () => {
    const disk = new ForgetfulDisk()
    const fd = disk.create('/a', MODE)
    for (let piece = 0; piece < 4; piece++) {
      disk.write(fd, Buffer.alloc(PIECE_BYTES, String(piece)), 0, PIECE_BYTES)
    }
    const snapshot = new Snapshot(disk)
    const seen = new Set<string>()
    for (let seed = 0; seed < 500; seed++) {
      const loss: Loss = { names: 'all', data: { seed } }
      const content = snapshot.powerLoss(loss).peek('/a') ?? Buffer.alloc(0)
      let told = ''
      for (let at = 0; at < content.length; at += PIECE_BYTES) {
        const piece = content.subarray(at, at + PIECE_BYTES)
        const [first = NaN] = piece
        expect(piece.every(byte => byte === first)).to.equal(true)
        expect([0, 0x30 + at / PIECE_BYTES]).to.include(first)
        told += first === 0 ? '-' : String.fromCharCode(first)
      }
      seen.add(told)
    }
    expect([...seen]).to.include.members(['', '0', '0123', '----', '0-23', '-1--', '01'])
  })

  it('gives back the same for the same seed, and leaves the disk as it is', async () => {
    const disk = await rotated()
    const loss: Loss = { names: { seed: 7, of: 'causes' }, data: { seed: 7 } }
    const snapshot = new Snapshot(disk)
    const once = snapshot.powerLoss(loss).names('/')
    disk.unlink('/private')
    expect(snapshot.powerLoss(loss).names('/')).to.deep.equal(once)
    expect(disk.names('/')).to.deep.equal(['active', 'backup'])
  })

  it('may bring back what was in a file before it was emptied', async () => {
    const disk = new ForgetfulDisk()
    const fd = disk.create('/a', MODE)
    disk.write(fd, Buffer.from('before'), 0, 6)
    await disk.datasync(fd)
    await disk.syncDirectory('/')
    disk.truncate(fd)
    const left = (data: Loss['data']): string =>
      String(new Snapshot(disk).powerLoss({ names: 'all', data }).peek('/a'))
    expect(left('old')).to.equal('before')
    expect(left('new')).to.equal('')
    await disk.datasync(fd)
    expect(left('old')).to.equal('')
  })
})
