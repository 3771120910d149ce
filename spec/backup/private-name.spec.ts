import { expect } from 'chai'
import { privateNumber, privatePath } from '../../lib/backup/private-name.js'

describe('privatePath', () => {
  it('is hidden beside the active file, with a number from the second on', () => {
    expect(privatePath('/logs/audit.log')).to.equal('/logs/.audit.log.rotating')
    expect(privatePath('/logs/audit.log', 1)).to.equal('/logs/.audit.log.rotating')
    expect(privatePath('/logs/audit.log', 2)).to.equal('/logs/.audit.log.rotating.2')
  })
})

describe('privateNumber', () => {
  it('is the inverse of privatePath', () => {
    for (const number of [1, 2, 9, 10, 11, 99, 100, 123_456_789]) {
      const name = privatePath('audit.log', number)
      expect(privateNumber('/logs/audit.log', name)).to.equal(number)
    }
  })

  it('knows no other names', () => {
    for (const name of [
      'audit.log',
      'audit.log.rotating',
      '.audit.log.rotating.',
      '.audit.log.rotating.0',
      '.audit.log.rotating.1',
      '.audit.log.rotating.02',
      '.audit.log.rotating.2 ',
      '.audit.log.rotating.-2',
      '.audit.log.rotating.1234567890',
      '.audit.log.rotating.2.gz',
      '.audit.log.rotating2',
      '.other.log.rotating',
      '.audit.log.rotating\n',
    ]) {
      expect(privateNumber('/logs/audit.log', name), name).to.equal(undefined)
    }
  })
})
