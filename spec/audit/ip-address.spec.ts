import { expect } from 'chai'
import { canonicalIp } from '../../lib/audit/ip-address.js'
import { readVectors } from '../golden/vectors.js'

interface ClientVector {
  pre14_ip: string
  remote_addr: string
  x_forwarded_for: string[] | null
}

describe('canonicalIp', () => {
  it('prints an address as Go does, in the golden vectors that parse the bare text', () => {
    // Before Kubernetes 1.4 the printed address was `net.ParseIP` of the socket's, port and all.
    const vectors = readVectors<ClientVector>('clientip.jsonl').filter(
      vector => vector.x_forwarded_for === null && vector.remote_addr !== '',
    )
    expect(vectors.length).to.be.above(4)
    for (const { remote_addr, pre14_ip } of vectors) {
      expect(`"${canonicalIp(remote_addr) ?? '<nil>'}"`).to.equal(pre14_ip)
    }
  })

  const canonical: [text: string, printed: string][] = [
    ['127.0.0.1', '127.0.0.1'],
    ['::ffff:1.2.3.4', '1.2.3.4'],
    ['::FFFF:1.2.3.4', '1.2.3.4'],
    ['::ffff:102:304', '1.2.3.4'],
    ['0:0:0:0:0:ffff:102:304', '1.2.3.4'],
    ['::1.2.3.4', '::102:304'],
    ['64:ff9b::255.255.0.1', '64:ff9b::ffff:1'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:0db8::0001', '2001:db8::1'],
    ['::', '::'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['1::', '1::'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['1:0:0:2:0:0:3:4', '1::2:0:0:3:4'],
    ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
  ]
  for (const [text, printed] of canonical) {
    it(`prints ${text} as ${printed}`, () => {
      expect(canonicalIp(text)).to.equal(printed)
      expect(canonicalIp(printed)).to.equal(printed)
    })
  }

  for (const text of ['', 'localhost', '1.2.3', '01.2.3.4', '1.2.3.256', '127.0.0.1:80', '[::1]']) {
    it(`finds no address in ${JSON.stringify(text)}`, () => {
      expect(canonicalIp(text)).to.equal(undefined)
    })
  }

  it('finds no address in one with a zone', () => {
    expect(canonicalIp('fe80::1%eth0')).to.equal(undefined)
    expect(canonicalIp('fe80::1')).to.equal('fe80::1')
  })

  it('answers the same when it has seen more addresses than it remembers', () => {
    for (let low = 0; low < 3000; low++) {
      const hex = low.toString(16)
      expect(canonicalIp(`2001:DB8::1:${hex.toUpperCase()}`)).to.equal(`2001:db8::1:${hex}`)
    }
    expect(canonicalIp('2001:DB8::1:1')).to.equal('2001:db8::1:1')
  })
})
