import { expect } from 'chai'
import { auditGapRecord, formatRequest, formatResponse } from '../../lib/audit/audit-line.js'
import { parseLine } from '../../lib/audit/parsed-line.js'
import { readVectors } from '../golden/vectors.js'
import { mistyped } from './mistyped.js'

const time = 1_473_253_437_400_333_046n
const request = {
  time,
  offset: 7200,
  id: '5c3b8227',
  ip: '127.0.0.1',
  method: 'GET',
  user: 'admin',
  as: 'jane',
  namespace: 'default',
  uri: '/api?q="x"',
}

describe('parseLine', () => {
  it('gives the fields of a request back, in both formats', () => {
    expect(parseLine(formatRequest(request))).to.deep.equal({
      kind: 'request',
      format: '1.4',
      ...request,
    })
    const withGroups = { ...request, groups: ['a b', 'c,d', 'e"f', 'g\\h', ''], asGroups: ['dev'] }
    expect(parseLine(formatRequest(withGroups, { format: '1.6' }))).to.deep.equal({
      kind: 'request',
      format: '1.6',
      ...withGroups,
    })
  })

  it('gives the fields of a response and of a gap back', () => {
    const response = { time, offset: -12_600, id: 'x', code: 404 }
    expect(parseLine(formatResponse(response))).to.deep.equal({ kind: 'response', ...response })
    const gap = { time, offset: 0, records: 3, bytes: 600, why: 'ENOSPC' }
    expect(parseLine(auditGapRecord(gap))).to.deep.equal({ kind: 'gap', ...gap })
  })

  it('reads sentinels as absent', () => {
    const absent = { time, offset: 0, id: 'i', method: 'GET', uri: '/' }
    for (const format of ['1.4', '1.6'] as const) {
      const line = formatRequest(absent, { format })
      expect(parseLine(line)).to.deep.equal({ kind: 'request', format, ...absent })
    }
  })

  it('keeps a group that is called like a sentinel', () => {
    const line = formatRequest(
      { ...request, groups: ['<none>'], asGroups: ['<lookup>'] },
      { format: '1.6' },
    )
    expect(parseLine(line)).to.deep.include({ groups: ['<none>'], asGroups: ['<lookup>'] })
  })

  it('reads every golden line of its formats, and writes it again', () => {
    let count = 0
    for (const { format, out } of readVectors<{ format: string; out: string }>(
      'audit-line.jsonl',
    )) {
      const parsed = parseLine(out)
      if (!/^v1\.[46]-/.test(format)) {
        expect(parsed).to.equal(undefined)
        continue
      }
      if (parsed?.kind === 'request') {
        expect(`v${parsed.format}-request`).to.equal(format)
        expect(formatRequest(parsed, parsed)).to.equal(out)
      } else if (parsed?.kind === 'response') expect(formatResponse(parsed)).to.equal(out)
      else expect.fail(out)
      count++
    }
    expect(count).to.be.at.least(50)
  })

  it('gives text with bytes that are no UTF-8 as bytes, and all other text as strings', () => {
    const bytes = Uint8Array.of(0x61, 0xff)
    const line = formatRequest({ ...request, user: bytes, groups: [bytes, 'b'] }, { format: '1.6' })
    const parsed = parseLine(line)
    if (parsed?.kind !== 'request') expect.fail('no request')
    expect(parsed.user).to.deep.equal(bytes)
    expect(parsed.groups).to.deep.equal([bytes, 'b'])
    expect(parsed.method).to.equal('GET')
    expect(formatRequest(parsed, parsed)).to.equal(line)
  })

  it('does without the line end', () => {
    const line = formatRequest(request)
    expect(parseLine(line.slice(0, -1))).to.deep.equal(parseLine(line))
  })

  const stamp = '2016-09-07T13:03:57Z AUDIT: '
  const refused = [
    '',
    '\n',
    'AUDIT:',
    stamp,
    `${stamp}id="x"`,
    `${stamp}id="x" response="200"\n\n`,
    `${stamp}id="x" response="200"\r\n`,
    `${stamp}id="x" response="200" `,
    `${stamp}id="x"  response="200"`,
    `${stamp}response="200" id="x"`,
    `${stamp}id="x" response="200" response="200"`,
    `${stamp}id="x" __proto__="y" response="200"`,
    `${stamp}id="x" response="20"`,
    `${stamp}id="x" response="0200"`,
    `${stamp}id="x" response="OK"`,
    `${stamp}id="x" response=200`,
    `${stamp}id='x' response="200"`,
    `${stamp}id="x response="200"`,
    `${stamp}id="\\x41" response="200"`,
    `${stamp}id="\\q" response="200"`,
    `${stamp}id="\u2028" response="200"`,
    `${stamp}id="\ud800" response="200"`,
    `${stamp}id="a\nb" response="200"`,
    ` ${stamp}id="x" response="200"`,
    `2016-09-07T13:03:57.0Z AUDIT: id="x" response="200"`,
    `2016-09-07T13:03:57Z audit: id="x" response="200"`,
    `${stamp}gap records="1" bytes="01" why="x"`,
    `${stamp}gap records="9007199254740992" bytes="1" why="x"`,
    `${stamp}gap records="1" why="x"`,
    `${stamp}id="x" ip="::FFFF:1.2.3.4" method="" user="" as="" namespace="" uri=""`,
    `${stamp}id="x" ip="nonsense" method="" user="" as="" namespace="" uri=""`,
    `${stamp}id="x" ip="\\xff" method="" user="" as="" namespace="" uri=""`,
    `${stamp}id="x" ip="<nil>" method="" user="" groups="" as="" asgroups="" namespace="" uri=""`,
    `${stamp}id="x" ip="<nil>" method="" user="" groups="a" as="" asgroups="a" namespace="" uri=""`,
  ]
  for (const line of refused) {
    it(`finds no line in ${JSON.stringify(line)}`, () => {
      expect(parseLine(line)).to.equal(undefined)
    })
  }

  it('finds no line in two', () => {
    const line = formatRequest(request)
    expect(parseLine(line + line)).to.equal(undefined)
  })

  it('refuses what is no string', () => {
    expect(() => parseLine(mistyped(Buffer.from('x')))).to.throw(TypeError, 'parseLine(line)')
  })
})
