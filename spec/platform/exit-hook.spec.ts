import { spawnSync } from 'node:child_process'
import { expect } from 'chai'

const HOOK = new URL('../../lib/platform/exit-hook.ts', import.meta.url).href

/** Runs a program in a process of its own. */
function run(program: string): { status: number | null; stdout: string; stderr: string } {
  const source = `import { writeSync } from 'node:fs'
    import { onProcessExit } from '${HOOK}'
    const say = text => writeSync(1, text + '\\n')
    ${program}`
  const args = ['--import', 'tsx', '--input-type=module', '-e', source]
  return spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 15_000 })
}

describe('onProcessExit', () => {
  it('calls back when the process comes to its end', () => {
    const { status, stdout } = run(`
      onProcessExit(() => say('called'))
      setTimeout(() => say('last'), 1)`)
    expect(stdout).to.equal('last\ncalled\n')
    expect(status).to.equal(0)
  })

  it('calls back on process.exit', () => {
    const { status, stdout } = run(`
      onProcessExit(() => say('called'))
      process.exit(3)`)
    expect(stdout).to.equal('called\n')
    expect(status).to.equal(3)
  })

  it('calls back on an uncaught error, and on a rejection that nobody handles', () => {
    for (const end of [`throw new Error('oh')`, `Promise.reject(new Error('oh'))`]) {
      const { status, stdout, stderr } = run(`
        onProcessExit(() => say('called'))
        setTimeout(() => { ${end} }, 1)
        setInterval(() => {}, 1000)`)
      expect(stdout, end).to.equal('called\n')
      expect(stderr).to.include('Error: oh')
      expect(status).to.equal(1)
    }
  })

  it('calls all, in their order, but for those that were cancelled', () => {
    const { stdout } = run(`
      onProcessExit(() => say('one'))
      const cancel = onProcessExit(() => say('two'))
      onProcessExit(() => say('three'))
      cancel()
      cancel()`)
    expect(stdout).to.equal('one\nthree\n')
  })

  it('adds one listener for many, and none is left when all are cancelled', () => {
    const { stdout } = run(`
      const before = process.listenerCount('exit')
      const cancels = Array.from({ length: 50 }, () => onProcessExit(() => {}))
      say(process.listenerCount('exit') - before)
      for (const cancel of cancels) cancel()
      say(process.listenerCount('exit') - before)`)
    expect(stdout).to.equal('1\n0\n')
  })

  it('listens again after all were cancelled', () => {
    const { stdout } = run(`
      const first = onProcessExit(() => say('first'))
      first()
      onProcessExit(() => say('second'))
      first()`)
    expect(stdout).to.equal('second\n')
  })
})
