/**
 * A program that takes and releases a lock as it is told, line by line: `take`, `release`, and
 * `struggle N`, which takes and releases it N times against all others and looks that nobody else
 * is inside. It answers each with one line. As a worker thread it takes the lock once, and says how
 * that went.
 */
import fs from 'node:fs'
import { createInterface } from 'node:readline'
import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../../lib/platform/clock.js'
import { PathLock } from '../../lib/platform/lock.js'
import { RollkeeperError } from '../../lib/platform/rollkeeper-error.js'
import { lockingBy, type LockWay } from '../support/lock-ways.js'

const PAUSE = new Int32Array(new SharedArrayBuffer(4))

const given: unknown = workerData ?? process.argv.slice(2)
const [path, way] = given as [string, LockWay]
const platform = { disk: lockingBy(way), clock: systemClock }
const making = { file: { mode: 0o600 }, directoryMode: 0o700 }
let lock: PathLock | undefined

function take(): string {
  try {
    lock = PathLock.take(platform, path, making, error => {
      throw error
    })
    return 'ours'
  } catch (error) {
    return error instanceof RollkeeperError ? `${error.code} ${error.message}` : String(error)
  }
}

function release(): string {
  lock?.release()
  return 'released'
}

function struggle(times: number): string {
  for (let won = 0; won < times;) {
    const answer = take()
    if (answer === 'ours') {
      fs.closeSync(fs.openSync(`${path}.inside`, 'wx')) // throws where somebody else is
      Atomics.wait(PAUSE, 0, 0, 1)
      fs.unlinkSync(`${path}.inside`)
      release()
      won++
    } else if (!answer.startsWith('ERR_ROLLKEEPER_LOCKED')) {
      return answer
    }
    Atomics.wait(PAUSE, 0, 0, Math.random())
  }
  return 'done'
}

if (isMainThread) {
  createInterface(process.stdin).on('line', line => {
    const [order, times] = line.split(' ')
    const answer =
      order === 'take' ? take() : order === 'release' ? release() : struggle(Number(times))
    fs.writeSync(1, `${answer}\n`)
  })
} else {
  parentPort?.postMessage(take(), [])
}
