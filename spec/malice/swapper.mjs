/**
 * Somebody who may write to a log's directory, and puts links in its way as fast as he can, until he
 * is told to stop. To be run as a worker.
 */
import fs from 'node:fs'
import { join } from 'node:path'
import { workerData } from 'node:worker_threads'

const { directory, outside, names, stop } = workerData
const stopped = new Int32Array(stop)
const target = join(outside, 'file')

/** Whoever loses a race tries the next. */
const attempt = step => {
  try {
    step()
  } catch {
    // lost
  }
}

for (let turn = 0; Atomics.load(stopped, 0) === 0; turn++) {
  const path = join(directory, names[turn % names.length])
  const away = join(directory, `away-${turn % 7}`)
  const kind = turn % 5
  attempt(() => fs.renameSync(path, away))
  if (kind === 0) attempt(() => fs.symlinkSync(target, path))
  if (kind === 1) attempt(() => fs.linkSync(target, path))
  if (kind === 2) attempt(() => fs.symlinkSync(join(outside, 'nothing'), path))
  if (kind === 3) attempt(() => fs.renameSync(away, path))
  if (kind === 4) attempt(() => fs.writeFileSync(path, 'torn', { mode: 0o666, flag: 'wx' }))
  attempt(() => fs.unlinkSync(away))
  Atomics.add(stopped, 1, 1)
}
