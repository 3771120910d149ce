/**
 * A program that writes far more than may wait, while its disk is full, and says how much memory
 * that took, in bytes: JSON, one number for each kind of record.
 */
import { writeSync } from 'node:fs'
import { FileAppender } from '../../lib/appender/file-appender.js'

/** What it says: how much memory was in use after all, and not before, by kind of record. */
export type Grown = Record<string, number>

const [path = '', size = ''] = process.argv.slice(2)
const maxPending = Number(size)

/** Records of 1000 bytes each, as programs come by them. */
const KINDS: Readonly<Record<string, (i: number) => string | Uint8Array>> = {
  ascii: i => `${String(i).padEnd(999, 'x')}\n`,
  // One character beyond Latin-1 makes V8 keep two bytes for each.
  'beyond Latin-1': i => `${String(i).padEnd(996, 'x')}€\n`,
  // A part of a text keeps all of it alive.
  'part of a long text': i => {
    const long = `${String(i).padEnd(999, 'x')}\n${'y'.repeat(20_000)}${i}`
    return long.slice(0, 1000)
  },
  'part of a large buffer': i => Buffer.alloc(20_000, `${i}\n`).subarray(0, 1000).fill('\n', 999),
}

/** Two collections: what the first finds is given back behind. */
async function used(): Promise<number> {
  for (let i = 0; i < 2; i++) {
    globalThis.gc?.()
    await new Promise(setImmediate)
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

const grown: Grown = {}
for (const [kind, make] of Object.entries(KINDS)) {
  const log = new FileAppender({ path: `${path}.${Object.keys(grown).length}`, maxPending })
  for (let i = 0; i < 10; i++) log.write(make(i))
  await new Promise(setImmediate)
  const before = await used()
  for (let written = 0; written < 3 * maxPending; written += 1000) {
    log.write(make(written))
    if (written % 100_000 === 0) await new Promise(setImmediate)
  }
  if (log.stats().dropped === 0) throw new Error('the disk is not full')
  grown[kind] = (await used()) - before
  await log.close().catch(() => undefined)
}
writeSync(1, `${JSON.stringify(grown)}\n`)
