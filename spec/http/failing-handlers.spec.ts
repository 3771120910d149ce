import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { pairsIn } from '../support/http-log.js'
import { runProgram } from '../support/run-program.js'
import type { Failed, Failing } from './failing-server.js'

const PROGRAM = fileURLToPath(new URL('failing-server.ts', import.meta.url))

const FAILURES = ['throws', 'rejects', 'throws later', 'throws after the header'] as const
const WRAPPERS = ['auditHandler', 'auditServer'] as const
const MODES = ['blocking', 'blocking-strict', 'batch'] as const

/** Plays all in one process. */
async function play(failings: readonly Failing[]): Promise<Failed[]> {
  const command = [process.execPath, '--import', 'tsx', PROGRAM, JSON.stringify(failings)]
  const { code, stdout, stderr } = await runProgram(command)
  expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' })
  return JSON.parse(stdout) as Failed[]
}

/** Of JSON events: their stages, each with its code. */
function stages(lines: readonly string[]): string[] {
  return lines.map(line => {
    const event = JSON.parse(line) as { stage: string; responseStatus?: { code: number } }
    return [event.stage, event.responseStatus?.code ?? []].flat().join(' ')
  })
}

describe('a handler that fails', () => {
  for (const rejections of ['not captured', 'captured'] as const) {
    it(`does so as if nobody audited it, and is logged as seen; rejections ${rejections}`, async () => {
      const format = '1.4'
      const bare = FAILURES.map((failure): Failing => ({
        by: 'nobody',
        mode: 'batch',
        failure,
        rejections,
        format,
      }))
      const audited = WRAPPERS.flatMap(by =>
        MODES.flatMap(mode => bare.map((failing): Failing => ({ ...failing, by, mode }))),
      )
      const all = await play([...bare, ...audited])
      const expected = all.slice(0, bare.length)
      for (const [index, failing] of audited.entries()) {
        const what = JSON.stringify(failing)
        const { lines, ...failed } = all[bare.length + index]!
        const { lines: none, ...reference } = expected[FAILURES.indexOf(failing.failure)]!
        expect(none).to.deep.equal([])
        expect(failed, what).to.deep.equal(reference)
        expect(
          pairsIn(lines).map(({ code }) => code),
          what,
        ).to.deep.equal([failed.code ?? 499])
      }
      const rejected = rejections === 'captured' ? 500 : undefined
      const codes = [undefined, rejected, undefined, 200]
      expect(expected.map(({ code }) => code)).to.deep.equal(codes)
      const told = expected.map(({ events }) => events.length)
      expect(told).to.deep.equal(rejected === undefined ? [1, 1, 1, 1] : [1, 0, 1, 1])
    })
  }

  it('has stage Panic in JSON, with the code that came, where it throws into our hands', async () => {
    const failings = MODES.flatMap(mode =>
      WRAPPERS.flatMap(by =>
        FAILURES.map((failure): Failing => ({
          by,
          mode,
          failure,
          rejections: 'not captured',
          format: 'json',
        })),
      ),
    )
    const all = await play(failings)
    for (const [index, { by, mode, failure }] of failings.entries()) {
      // What is thrown later is nobody's; what listeners of a server return is not told to us.
      const isOurs = failure !== 'throws later' && (failure !== 'rejects' || by === 'auditHandler')
      const code = failure === 'throws after the header' ? 200 : 499
      expect(stages(all[index]!.lines), `${by} ${mode} ${failure}`).to.deep.equal([
        'RequestReceived',
        `${isOurs ? 'Panic' : 'ResponseComplete'} ${code}`,
      ])
    }
  })
})
