import { expect } from 'chai'
import { OpenRequests } from '../../lib/audit/open-requests.js'
import type { OpenRequest } from '../../lib/audit/open-requests.js'

const request = (members: string): OpenRequest => ({ members, receivedAt: '' })

describe('OpenRequests', () => {
  it('remembers a request until it is taken', () => {
    const requests = new OpenRequests()
    const first = request('first')
    requests.add('x', first)
    expect(requests.get('x')).to.equal(first)
    expect(requests.take('x')).to.equal(first)
    expect(requests.get('x')).to.equal(undefined)
    expect(requests.take('x')).to.equal(undefined)
    expect(requests.size).to.equal(0)
  })

  it('keeps requests of one id in the order of arrival', () => {
    const requests = new OpenRequests()
    for (const members of ['first', 'second', 'third']) requests.add('x', request(members))
    expect(requests.get('x')?.members).to.equal('first')
    const taken = [1, 2, 3, 4].map(() => requests.take('x')?.members)
    expect(taken).to.deep.equal(['first', 'second', 'third', undefined])
  })

  it('forgets the oldest when there are too many', () => {
    const requests = new OpenRequests({ requests: 2 })
    for (const id of ['a', 'b', 'c']) requests.add(id, request(id))
    expect(requests.size).to.equal(2)
    expect(['a', 'b', 'c'].map(id => requests.get(id)?.members)).to.deep.equal([
      undefined,
      'b',
      'c',
    ])
  })

  it('forgets the oldest of one id that comes again and again', () => {
    const requests = new OpenRequests({ requests: 2 })
    for (const members of ['1', '2', '3', '4']) requests.add('x', request(members))
    expect(requests.size).to.equal(2)
    expect(requests.take('x')?.members).to.equal('3')
  })

  it('forgets the oldest when there is too much text, and has room again for what is taken', () => {
    const requests = new OpenRequests({ units: 30 })
    requests.add('a', request('x'.repeat(9)))
    requests.add('b', request('x'.repeat(19)))
    expect(requests.size).to.equal(2)
    requests.take('a')
    requests.add('c', request('x'.repeat(9)))
    expect(requests.size).to.equal(2)
    requests.add('d', request(''))
    expect(requests.get('b')).to.equal(undefined)
    requests.add('e', request('x'.repeat(100)))
    expect(requests.size).to.equal(0)
  })

  it('holds no more than 100,000 by default', () => {
    const requests = new OpenRequests()
    for (let id = 0; id <= 100_000; id++) requests.add(String(id), request(''))
    expect(requests.size).to.equal(100_000)
    expect(requests.get('0')).to.equal(undefined)
    expect(requests.get('1')).to.not.equal(undefined)
  })
})
