import { expect } from 'chai'
import { report, UsageError } from '../../lib/cli/report.js'

/** What a function writes to standard error. */
function written(act: () => void): string {
  const { stderr } = process
  const write = stderr.write.bind(stderr)
  let text = ''
  stderr.write = (piece: string | Uint8Array) => {
    text += String(piece)
    return true
  }
  try {
    act()
  } finally {
    stderr.write = write
  }
  return text
}

describe('report', () => {
  it('says everything in one line, after the name of the program', () => {
    expect(written(() => report('two\n  lines\n'))).to.equal('rollkeeper: two lines\n')
    expect(written(() => report('a\x1b[2Jb'))).to.equal('rollkeeper: a\\x1b[2Jb\n')
    expect(written(() => report(new RangeError('why')))).to.equal('rollkeeper: why\n')
  })
})

describe('UsageError', () => {
  it('names the option, what was expected, and what came', () => {
    const { message } = UsageError.badValue('--max-age', 'a time', 'old')
    expect(message).to.equal('--max-age: expected a time, got "old"')
  })
})
