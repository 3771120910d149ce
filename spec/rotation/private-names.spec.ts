import { expect } from 'chai'
import fs from 'fs-extra'
import { systemDisk, type FileStatus } from '../../lib/platform/disk.js'
import { PrivateNames } from '../../lib/rotation/private-names.js'
import { FaultyDisk } from '../support/faulty-disk.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

describe('PrivateNames', () => {
  const at = temporaryDirectory()
  const nameOf = (number: number): string =>
    number === 1 ? '.audit.log.rotating' : `.audit.log.rotating.${number}`

  /** A file that has the private name of this number, and another. */
  const rotated = (number: number): FileStatus => {
    fs.writeFileSync(at(`backup-${number}`), '')
    fs.linkSync(at(`backup-${number}`), at(nameOf(number)))
    return fs.lstatSync(at(nameOf(number)))
  }

  const left = (): string[] => fs.readdirSync(at()).filter(name => name.startsWith('.'))

  it('begins again with the first number as long as it was the only one, else goes on', () => {
    const names = new PrivateNames(systemDisk, at('audit.log'))
    expect(names.next()).to.equal(1)
    const alone = rotated(1)
    names.add(alone, 1)
    names.release(alone)
    expect(names.next()).to.equal(1)
    const one = rotated(1)
    names.add(one, 1)
    expect(names.next()).to.equal(2)
    const two = rotated(2)
    names.add(two, 2)
    names.release(two)
    expect(left()).to.deep.equal([])
    expect(names.next(), 'the second may be back after power loss').to.equal(3)
  })

  it('passes over numbers at whose names something stands', () => {
    const names = new PrivateNames(systemDisk, at('audit.log'))
    fs.mkdirSync(at(nameOf(1)))
    fs.writeFileSync(at(nameOf(2)), '')
    expect(names.next()).to.equal(3)
  })

  it('frees the names of a file and of those before it, and of none after it', () => {
    const names = new PrivateNames(systemDisk, at('audit.log'))
    const files = [1, 2, 3].map(number => {
      const file = rotated(number)
      names.add(file, number)
      return file
    })
    names.release(files[1] as FileStatus)
    expect(left()).to.deep.equal([nameOf(3)])
    expect(names.has(files[0] as FileStatus)).to.equal(false)
    expect(names.has(files[2] as FileStatus)).to.equal(true)
    names.release(files[1] as FileStatus)
    expect(left()).to.deep.equal([nameOf(3)])
  })

  it('goes on the next time where a name could not be freed', () => {
    const faulty = new FaultyDisk()
    const names = new PrivateNames(faulty.disk, at('audit.log'))
    const files = [1, 2].map(number => {
      const file = rotated(number)
      names.add(file, number)
      return file
    })
    faulty.fail('unlink', 'EIO', { times: 1 })
    expect(() => names.release(files[1] as FileStatus)).to.throw('EIO')
    expect(names.has(files[0] as FileStatus)).to.equal(true)
    expect(left()).to.have.length(2)
    names.release(files[1] as FileStatus)
    expect(left()).to.deep.equal([])
  })

  it('leaves alone what somebody put in the place of a name', () => {
    const names = new PrivateNames(systemDisk, at('audit.log'))
    const file = rotated(1)
    names.add(file, 1)
    fs.unlinkSync(at(nameOf(1)))
    fs.writeFileSync(at(nameOf(1)), 'theirs\n')
    names.release(file)
    expect(left()).to.deep.equal([nameOf(1)])
  })

  it('knows the files of rotations that are to be finished', () => {
    const names = new PrivateNames(systemDisk, at('audit.log'))
    const [one, three] = [rotated(1), rotated(3)]
    names.leave(1)
    names.leave(3)
    names.leave(1)
    expect(names.leftovers).to.deep.equal([1, 3])
    expect([one, three].map(file => names.has(file))).to.deep.equal([true, true])
    names.forget(3)
    expect(names.leftovers).to.deep.equal([1])
    expect([one, three].map(file => names.has(file))).to.deep.equal([true, false])
  })

  it('does not take a rotation of its own for one that is to be finished', () => {
    const names = new PrivateNames(systemDisk, at('audit.log'))
    names.add(rotated(1), 1)
    names.leave(1)
    expect(names.leftovers).to.deep.equal([])
  })
})
