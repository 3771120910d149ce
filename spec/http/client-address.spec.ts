import { expect } from 'chai'
import { sourceAddresses } from '../../lib/http/client-address.js'
import type { HeaderSource } from '../../lib/http/request-headers.js'
import { parseTrustProxy } from '../../lib/http/trusted-proxies.js'
import { readVectors } from '../golden/vectors.js'

interface ClientVector {
  remote_addr: string
  x_forwarded_for: string[] | null
  x_real_ip: string
  v119_source_ips: string[]
  v14_to_v16_ip: string
}

/** A request with these `X-Forwarded-For` lines, and perhaps these `X-Real-Ip` lines. */
function requestWith(forwarded: readonly string[], real: readonly string[] = []): HeaderSource {
  const rawHeaders = [
    ...forwarded.flatMap(line => ['X-Forwarded-For', line]),
    ...real.flatMap(line => ['X-Real-IP', line]),
  ]
  return { rawHeaders }
}

/** Go's remote address has a port, and brackets for it; that of a socket in Node has none. */
function withoutPort(address: string): string {
  const bracketed = /^\[(.*)\](?::\d+)?$/.exec(address)?.[1]
  return bracketed ?? address.replace(/^([^:]*):\d+$/, '$1')
}

const none = parseTrustProxy(false)
const all = parseTrustProxy('all')
const list = parseTrustProxy(['10.0.0.0/8', '::1'])

describe('sourceAddresses', () => {
  for (const [index, vector] of readVectors<ClientVector>('clientip.jsonl').entries()) {
    const { remote_addr, x_forwarded_for, x_real_ip, v119_source_ips, v14_to_v16_ip } = vector
    it(`gives what Kubernetes did if all are trusted, golden vector ${index}`, () => {
      const req = requestWith(x_forwarded_for ?? [], x_real_ip === '' ? [] : [x_real_ip])
      const addresses = sourceAddresses(req, withoutPort(remote_addr), all)
      expect(addresses).to.deep.equal(v119_source_ips)
      expect(`"${addresses[0] ?? '<nil>'}"`).to.equal(v14_to_v16_ip)
    })
  }

  it('gives the socket and nothing else by default, whatever a header says', () => {
    const req = requestWith(['192.0.2.1'], ['192.0.2.2'])
    expect(sourceAddresses(req, '::ffff:10.0.0.1', none)).to.deep.equal(['10.0.0.1'])
    expect(sourceAddresses(req, undefined, none)).to.deep.equal([])
    expect(sourceAddresses(req, 'fe80::1%eth0', none)).to.deep.equal([])
  })

  it('ignores the headers of a remote address that is not trusted', () => {
    const req = requestWith(['192.0.2.1'], ['192.0.2.2'])
    expect(sourceAddresses(req, '203.0.113.9', list)).to.deep.equal(['203.0.113.9'])
    expect(sourceAddresses(req, undefined, list)).to.deep.equal([])
  })

  const walks: [what: string, lines: string[], addresses: string[]][] = [
    ['takes the right-most that is not trusted', ['192.0.2.1'], ['192.0.2.1', '10.0.0.9']],
    [
      'leaves out what a client has forged, left of itself',
      ['127.0.0.1, 10.0.0.7, 192.0.2.1, 10.0.0.2'],
      ['192.0.2.1', '10.0.0.2', '10.0.0.9'],
    ],
    [
      'leaves out a line that a client has forged, before that of the proxy',
      ['198.51.100.1', '192.0.2.1'],
      ['192.0.2.1', '10.0.0.9'],
    ],
    [
      'goes on through several lines',
      ['192.0.2.1, 10.0.0.1', '10.0.0.2'],
      ['192.0.2.1', '10.0.0.1', '10.0.0.2', '10.0.0.9'],
    ],
    ['takes the left-most if all are trusted', ['::1,10.0.0.1'], ['::1', '10.0.0.1', '10.0.0.9']],
    ['writes addresses as Go does', ['2001:DB8:0::1'], ['2001:db8::1', '10.0.0.9']],
    [
      'knows a mapped address of a proxy',
      ['192.0.2.1, ::ffff:a00:2'],
      ['192.0.2.1', '10.0.0.2', '10.0.0.9'],
    ],
    [
      'keeps an address that comes twice',
      ['10.0.0.9, 10.0.0.9'],
      ['10.0.0.9', '10.0.0.9', '10.0.0.9'],
    ],
    ['stops at a name', ['192.0.2.1, unknown, 10.0.0.2'], ['10.0.0.2', '10.0.0.9']],
    ['stops at an entry that is empty', ['192.0.2.1,, 10.0.0.2'], ['10.0.0.2', '10.0.0.9']],
    ['stops at once if the last is none', ['192.0.2.1, _hidden'], ['10.0.0.9']],
    ['stops at an address with a port', ['192.0.2.1:80, 10.0.0.2'], ['10.0.0.2', '10.0.0.9']],
    ['stops at an address in brackets', ['[::1], 10.0.0.2'], ['10.0.0.2', '10.0.0.9']],
    ['stops at an address with a zone', ['fe80::1%eth0, 10.0.0.2'], ['10.0.0.2', '10.0.0.9']],
    ['finds nothing in an empty line', [''], ['10.0.0.9']],
  ]
  for (const [what, lines, addresses] of walks) {
    it(`${what}, behind a trusted proxy`, () => {
      const req = requestWith(lines, ['198.51.100.2'])
      expect(sourceAddresses(req, '::ffff:10.0.0.9', list)).to.deep.equal(addresses)
    })
  }

  it('believes X-Real-Ip of a trusted proxy that sends no X-Forwarded-For', () => {
    const seen = (...real: string[]): readonly string[] =>
      sourceAddresses(requestWith([], real), '10.0.0.9', list)
    expect(seen('192.0.2.1')).to.deep.equal(['192.0.2.1', '10.0.0.9'])
    expect(seen('10.0.0.9')).to.deep.equal(['10.0.0.9'])
    expect(seen('192.0.2.1:80')).to.deep.equal(['10.0.0.9'])
    expect(seen()).to.deep.equal(['10.0.0.9'])
    // The client's comes first, then what the proxy has added.
    expect(seen('198.51.100.1', '192.0.2.1')).to.deep.equal(['192.0.2.1', '10.0.0.9'])
  })

  it('gives the socket last, if all are trusted and none of the headers is an address', () => {
    const req = requestWith(['unknown'], ['unknown'])
    expect(sourceAddresses(req, '10.0.0.9', all)).to.deep.equal(['10.0.0.9'])
    expect(sourceAddresses(req, undefined, all)).to.deep.equal([])
  })

  it('leaves the socket out only where it is the last already, if all are trusted', () => {
    const seen = (line: string): readonly string[] =>
      sourceAddresses(requestWith([line]), '10.0.0.9', all)
    expect(seen('10.0.0.9, 192.0.2.1')).to.deep.equal(['10.0.0.9', '192.0.2.1', '10.0.0.9'])
    expect(seen('192.0.2.1, 10.0.0.9')).to.deep.equal(['192.0.2.1', '10.0.0.9'])
  })
})
