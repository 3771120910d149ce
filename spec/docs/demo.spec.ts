import { expect } from 'chai'
import fs from 'fs-extra'
import { join } from 'node:path'
import { parseLine } from '../../lib/audit/parsed-line.js'
import { runProgram, type Ended } from '../support/run-program.js'

describe('docs/examples/demo.ts', function () {
  this.timeout(60_000)
  let demo: Ended
  let directory = ''

  before(async () => {
    expect(fs.existsSync('dist/esm/index.js'), 'dist: run `npm run build` first').to.equal(true)
    demo = await runProgram([process.execPath, '--import', 'tsx', 'docs/examples/demo.ts'])
    directory = /^(\/.*rollkeeper-demo-\w+)$/m.exec(demo.stdout)?.[1] ?? ''
  })

  after(async () => {
    if (directory !== '') await fs.remove(directory)
  })

  it('keeps both lines of each of 1,007 requests across rotations and prunes', () => {
    const { code, stdout, stderr } = demo
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' })
    expect(stdout).to.include(
      'check: 1007 of 1007 requests (1000 of them ordinary) have their two lines',
    )
    expect(stdout).to.include('lines: 2014 logged, 0 failed')

    const [, rotated, pruned] = /^files: (\d+) rotated, (\d+) pruned$/m.exec(stdout) ?? []
    expect(Number(rotated)).to.be.at.least(3)
    expect(Number(pruned)).to.be.at.least(1)

    const names = fs.readdirSync(directory)
    expect(names)
      .to.have.lengthOf(Number(rotated) - Number(pruned) + 1)
      .and.include('audit.log')
    for (const name of names) {
      expect(stdout).to.include(name)
      const text = fs.readFileSync(join(directory, name), 'utf8')
      expect(text.endsWith('\n')).to.equal(true)
      for (const line of text.trimEnd().split('\n'))
        expect(parseLine(line), line).to.be.an('object')
    }
  })

  it('answers who, what, when, from where and with what result, with the lines beside', () => {
    const alice = 'alice (developers, payments)'
    const told = [
      ['admin (system:masters)', 'GET', '200 OK'],
      ['admin (system:masters), acting as carol (auditors, night-shift)', 'GET', '200 OK'],
      ['nobody known', 'GET', '403 Forbidden'],
      [alice, 'GET', '200 OK'],
      [alice, 'GET', '200 OK'],
      [alice, 'GET', '101 Switching Protocols'],
      [alice, 'GET', '499 the client went away without an answer'],
    ]
    const block =
      /who {9}(.+)\n {2}what {8}(\w+) .+\n {2}when {8}[\dT:.-]+Z\n {2}from where {2}127\.0\.0\.1\n {2}result {6}(.+), after [\d.]+ ms\n {2}(\S+ AUDIT: id="(.+?)" ip=.+)\n {2}(\S+ AUDIT: id="(.+?)" response="(\d+)")$/gm
    const found = [...demo.stdout.matchAll(block)]
    expect(found.map(([, who, what, result]) => [who, what, result])).to.deep.equal(told)
    for (const [, , , result = '', request = '', id, response = '', answered, code = ''] of found) {
      expect([parseLine(request)?.kind, parseLine(response)?.kind]).to.deep.equal([
        'request',
        'response',
      ])
      expect(answered).to.equal(id)
      expect(result.startsWith(`${code} `)).to.equal(true)
    }
  })

  it('shows no secret of an address', () => {
    expect(demo.stdout).to.include('access_token=REDACTED').and.not.include('c2VjcmV0')
  })
})
