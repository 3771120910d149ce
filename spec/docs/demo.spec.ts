import { expect } from 'chai'
import fs from 'fs-extra'
import { join } from 'node:path'
import { parseLine } from '../../lib/audit/parsed-line.js'
import { runProgram } from '../support/run-program.js'

describe('docs/examples/demo.ts', function () {
  this.timeout(60_000)

  it('keeps both lines of each of 2,000 requests across rotations and prunes', async () => {
    expect(fs.existsSync('dist/esm/index.js'), 'dist: run `npm run build` first').to.equal(true)
    const demo = [process.execPath, '--import', 'tsx', 'docs/examples/demo.ts']
    const { code, stdout, stderr } = await runProgram(demo)
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' })
    expect(stdout).to.include('check: 2000 of 2000 requests have their two lines')

    const [, rotated, pruned] = /^files: (\d+) rotated, (\d+) pruned$/m.exec(stdout) ?? []
    expect(Number(rotated)).to.be.at.least(3)
    expect(Number(pruned)).to.be.at.least(1)

    const directory = /^(\/.*rollkeeper-demo-\w+)$/m.exec(stdout)?.[1] ?? ''
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
    for (const asked of ['who', 'what', 'when', 'from where']) expect(stdout).to.include(asked)
    await fs.remove(directory)
  })
})
