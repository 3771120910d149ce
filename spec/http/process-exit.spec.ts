import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { pairsIn } from '../support/http-log.js'
import { readLines } from '../support/log-directory.js'
import { runProgram } from '../support/run-program.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const PROGRAM = fileURLToPath(new URL('exiting-server.ts', import.meta.url))

describe('a server whose process exits', () => {
  const at = temporaryDirectory()

  for (const mode of ['blocking', 'blocking-strict', 'batch']) {
    for (const durability of ['flush', 'sync']) {
      it(`leaves a response for each request that was open, ${mode}, ${durability}`, async () => {
        const path = at('audit.log')
        const command = [process.execPath, '--import', 'tsx', PROGRAM, path, mode, durability]
        const { code, stderr } = await runProgram(command)
        expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' })
        const codes = pairsIn(readLines(path)).map(pair => [pair.request.uri, pair.code])
        const expected = { '/user': 499, '/handler': 499, '/header': 200 }
        expect(Object.fromEntries(codes)).to.deep.equal(expected)
      })
    }
  }
})
