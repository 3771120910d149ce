import { expect } from 'chai'
import * as fc from 'fast-check'
import { inspect } from 'node:util'
import { parseTrustProxy } from '../../lib/http/trusted-proxies.js'

describe('parseTrustProxy', () => {
  it('trusts nobody by default', () => {
    for (const value of [undefined, false, []]) {
      expect(parseTrustProxy(value).trusts('127.0.0.1')).to.equal(false)
    }
    expect(parseTrustProxy(undefined).kind).to.equal('none')
    expect(parseTrustProxy([]).kind).to.equal('list')
  })

  it("trusts everybody by 'all'", () => {
    expect(parseTrustProxy('all').kind).to.equal('all')
    expect(parseTrustProxy('all').trusts('192.0.2.1')).to.equal(true)
  })

  const held: [entry: string, inside: string[], outside: string[]][] = [
    ['10.0.0.1', ['10.0.0.1', '::ffff:10.0.0.1', '::FFFF:a00:1'], ['10.0.0.2', '::10.0.0.1']],
    ['10.0.0.0/8', ['10.0.0.0', '10.255.255.255'], ['9.255.255.255', '11.0.0.0', '::1']],
    ['10.1.2.3/8', ['10.0.0.0', '10.255.255.255'], ['11.0.0.0']],
    ['192.0.2.0/31', ['192.0.2.1'], ['192.0.2.2']],
    ['0.0.0.0/0', ['255.255.255.255', '::ffff:1.2.3.4'], ['::', '2001:db8::1']],
    ['::1', ['::1', '0:0:0:0:0:0:0:1'], ['::', '127.0.0.1']],
    ['2001:DB8::/33', ['2001:db8:7fff::1'], ['2001:db8:8000::', '2001:db9::']],
    ['::/0', ['::', '2001:db8::1'], ['1.2.3.4', '::ffff:1.2.3.4']],
    ['::ffff:10.0.0.0/104', ['10.1.2.3', '::ffff:10.1.2.3'], ['11.0.0.1']],
    ['::ffff:0:0/96', ['1.2.3.4'], ['::1']],
    ['::ffff:10.0.0.1', ['10.0.0.1'], ['10.0.0.2']],
  ]
  for (const [entry, inside, outside] of held) {
    it(`knows what ${entry} holds`, () => {
      const trust = parseTrustProxy([entry])
      for (const ip of inside) expect(trust.trusts(ip), ip).to.equal(true)
      for (const ip of outside) expect(trust.trusts(ip), ip).to.equal(false)
      // The second answer may be remembered.
      for (const ip of inside) expect(trust.trusts(ip), ip).to.equal(true)
      for (const ip of outside) expect(trust.trusts(ip), ip).to.equal(false)
    })
  }

  it('finds an address in any of several entries', () => {
    const trust = parseTrustProxy(['127.0.0.1', '10.0.0.0/8', 'fd00::/8'])
    expect(['127.0.0.1', '10.9.9.9', 'fdff::1'].every(ip => trust.trusts(ip))).to.equal(true)
    expect(trust.trusts('127.0.0.2')).to.equal(false)
  })

  it('holds what arithmetic says, for networks of any prefix', () => {
    const number = fc.integer({ min: 0, max: 0xffffffff })
    const written = (value: number): string =>
      [24, 16, 8, 0].map(shift => (value >>> shift) & 255).join('.')
    const bits = fc.integer({ min: 0, max: 32 })
    fc.assert(
      fc.property(
        number,
        number,
        bits,
        fc.integer({ min: 0, max: 32 }),
        (net, other, size, like) => {
          // Half of the bits the same, so that both answers come about.
          const ip = like === 0 ? other : (net ^ (other >>> like)) >>> 0
          const same = size === 0 || net >>> (32 - size) === ip >>> (32 - size)
          const network = `${written(net)}/${size}`
          expect(parseTrustProxy([network]).trusts(written(ip))).to.equal(same)
          const mapped = `::ffff:${written(net)}/${96 + size}`
          expect(parseTrustProxy([mapped]).trusts(written(ip))).to.equal(same)
        },
      ),
    )
  })

  it('trusts nothing that is no address', () => {
    const trust = parseTrustProxy(['0.0.0.0/0', '::/0'])
    for (const text of [
      '',
      'localhost',
      '1.2.3',
      '[::1]',
      '1.2.3.4:80',
      'fe80::1%eth0',
      ' 1.2.3.4',
    ]) {
      expect(trust.trusts(text), text).to.equal(false)
    }
  })

  it('answers the same when it was asked about more addresses than it remembers', () => {
    const trust = parseTrustProxy(['10.0.0.0/24'])
    for (let round = 0; round < 2; round++) {
      for (let low = 0; low < 3000; low++) {
        const ip = `10.0.${low >> 8}.${low & 255}`
        expect(trust.trusts(ip), ip).to.equal(low < 256)
      }
    }
  })

  for (const value of [true, null, 1, {}, () => true, new Set(['10.0.0.1'])]) {
    it(`refuses ${inspect(value)} by a TypeError that names the option`, () => {
      const read = (): unknown => parseTrustProxy(value)
      expect(read).to.throw(TypeError, /^option trustProxy: expected false, 'all' or an array/)
    })
  }

  it('refuses another word, saying what came', () => {
    expect(() => parseTrustProxy('loopback')).to.throw(RangeError, /option trustProxy.*'loopback'/)
    expect(() => parseTrustProxy('10.0.0.1')).to.throw(RangeError, /got '10.0.0.1'/)
  })

  const noEntries = [
    '',
    'localhost',
    '10.0.0.1:80',
    '[::1]',
    'fe80::1%eth0',
    '10.0.0.0/',
    '10.0.0.0/33',
    '10.0.0.0/08',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '10.0.0.0/255.0.0.0',
    '10.0.0.0/1e1',
    '10/8',
    '::/129',
    '::ffff:10.0.0.0/95',
    ' 10.0.0.0',
  ]
  for (const entry of noEntries) {
    it(`refuses the entry ${JSON.stringify(entry)} by a RangeError`, () => {
      const read = (): unknown => parseTrustProxy(['10.0.0.1', entry])
      expect(read).to.throw(RangeError, /^an element of option trustProxy: expected an address or/)
    })
  }

  it('refuses an entry that is no text by a TypeError', () => {
    for (const entry of [1, null, undefined, ['10.0.0.1']]) {
      expect(() => parseTrustProxy([entry])).to.throw(TypeError, /^an element of option trustProxy/)
    }
  })
})
