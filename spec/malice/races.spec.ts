import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { expect } from 'chai'
import fs from 'fs-extra'
import { FileAppender } from '../../lib/appender/file-appender.js'
import { formatBackupName } from '../../lib/backup/backup-name.js'
import { systemDisk, type Disk } from '../../lib/platform/disk.js'
import { RollkeeperError } from '../../lib/platform/rollkeeper-error.js'
import { ManualClock } from '../support/manual-clock.js'
import { waitFor } from '../support/run-program.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { makeOutside, snapshotOf } from './outside.js'

const START = Date.parse('2016-09-07T12:00:00.000Z')
/** A round is a record, a rotation, and what comes of it. */
const ROUNDS = 80

/** Openings that may be refused. */
const REFUSALS_MAX = 2000

/** Nobody loses power here, and who swaps files is to meet as many steps as he can. */
const disk: Disk = {
  ...systemDisk,
  datasync: async () => undefined,
  syncDirectory: async () => undefined,
}

describe('a log in a directory where somebody swaps files as fast as he can', function () {
  this.timeout(60_000)
  const at = temporaryDirectory()

  const backupAt = (ms: number): string => formatBackupName('audit.log', new Date(START + ms))

  for (const [what, names, most = ROUNDS] of [
    ['the active file', ['audit.log'], 3 * ROUNDS],
    ['private names', ['.audit.log.rotating', '.audit.log.rotating.2']],
    ['backups', Array.from({ length: 40 }, (_, ms) => backupAt(ms))],
    ['archives', Array.from({ length: 40 }, (_, ms) => `${backupAt(ms)}.gz`)],
    ['archives in the making', Array.from({ length: 40 }, (_, ms) => `.${backupAt(ms)}.gz.tmp`)],
    ['holds', ['.audit.log.hold', ...Array.from({ length: 9 }, (_, ms) => `${backupAt(ms)}.hold`)]],
    ['the lock', ['.audit.log.lock']],
  ] as const) {
    it(`changes nothing outside, and fails in no other way than it says: ${what}`, async () => {
      makeOutside(at('outside'))
      fs.mkdirSync(at('logs'))
      fs.chmodSync(at('logs'), 0o777)
      const outside = snapshotOf(at('outside'))
      const stop = new SharedArrayBuffer(8)
      const workerData = { directory: at('logs'), outside: at('outside'), names, stop }
      const swapper = new Worker(new URL('swapper.mjs', import.meta.url), { workerData })
      const swaps = (): number => Atomics.load(new Int32Array(stop), 1)
      await waitFor('the first swap', () => swaps() > 0)
      const refused: unknown[] = []
      const attempt = async (call: () => unknown): Promise<void> => {
        try {
          await call()
        } catch (error) {
          if (!(error instanceof RollkeeperError)) refused.push(error)
        }
      }
      let rounds = 0
      let refusals = 0
      while (rounds < most) {
        const clock = new ManualClock(new Date(START).toISOString())
        let log: FileAppender | undefined
        await attempt(() => {
          const options = {
            path: at('logs', 'audit.log'),
            compress: 'gzip',
            maxBackups: 20,
          } as const
          log = new FileAppender(options, { disk, clock })
        })
        // He may keep it from being opened at all, but not for ever.
        if (!log && ++refusals < REFUSALS_MAX) continue
        for (let life = 0; life < 12; life++, rounds++) {
          log?.write(`record ${rounds}\n`)
          await attempt(() => log?.flushSync())
          await attempt(() => log?.rotate())
          if (life % 4 === 0) await attempt(() => log?.settled())
          await attempt(async () => {
            const [newest] = (await log?.backups()) ?? []
            if (newest && life % 5 === 0) await log?.hold(newest, 'why')
          })
        }
        await attempt(() => log?.close())
      }
      const swapped = swaps()
      Atomics.store(new Int32Array(stop), 0, 1)
      await once(swapper, 'exit')
      expect(refused).to.deep.equal([])
      expect(snapshotOf(at('outside'))).to.deep.equal(outside)
      expect(swapped).to.be.above(1)
    })
  }
})
