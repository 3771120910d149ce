import { once } from 'node:events'
import fs from 'node:fs'
import { join } from 'node:path'
import type { FileAppender } from 'rollkeeper'
import sonicBooms from 'sonic-boom'
import { bare, ours } from './contenders.js'
import { assertLines, lineAt } from './lines.js'
import { measure, type Contender, type Scale } from './measure.js'
import { answer, type Answer, type Question } from './record.js'

/** How many wait at a time, from a program that does one thing to a busy server. */
export const WAITERS = [1, 10, 100, 1000] as const

/** Syncs of a block: what is synced drifts with the disk, so contenders take turns often. */
const SYNCS_PER_BLOCK = 10

/** It writes by itself when so much is there: more than a thousand lines. */
const SONIC_BUFFER_BYTES = 1024 * 1024

/** Lines for so many syncs, a whole number of blocks. */
export function linesFor(waiters: number, syncs: number): number {
  return waiters * SYNCS_PER_BLOCK * Math.ceil(syncs / SYNCS_PER_BLOCK)
}

/** `append` with durability `'sync'`, each waiter awaiting its own record in a loop of its own. */
export async function commit(scale: Scale, waiters: number): Promise<Answer> {
  const counted = waiters === 1 ? '1 waiter' : `${waiters} waiters`
  const question: Question = {
    title: `group commit, ${counted}`,
    about:
      `Durability: on stable storage. Each waiter awaits each of its lines. sonic-boom, which syncs when ` +
      `it is flushed, is flushed once for as many lines; other Node peers do not sync. Contenders take ` +
      `turns every ${SYNCS_PER_BLOCK} syncs.`,
    unit: 'lines/s',
    reference: `bare: concatenate ${waiters === 1 ? '1 line' : `${waiters} lines`}, fs.writeSync, fs.fdatasyncSync`,
    wanted: { row: `${counted}, each in a loop: await append`, ratioAtLeast: 0.7 },
  }
  const perBlock = waiters * SYNCS_PER_BLOCK
  const contenders = [
    ours(question.wanted.row, (log, block) => appendBy(waiters, log, block * perBlock, perBlock), {
      durability: 'sync',
    }),
    bare(question.reference, (fd, block) => {
      for (let at = block * perBlock; at < (block + 1) * perBlock; at += waiters) {
        let text = ''
        for (let i = at; i < at + waiters; i++) text += lineAt(i)
        fs.writeSync(fd, text)
        fs.fdatasyncSync(fd)
      }
    }),
    sonicBoom(waiters, perBlock),
  ]
  const check = (directory: string): void => assertLines(directory, scale.lines)
  const blocks = scale.lines / perBlock
  return answer(question, scale, await measure({ contenders, scale, blocks, check }))
}

/** Writes as many lines as wait, then flushes, which syncs. It does not rotate. */
function sonicBoom(waiters: number, perBlock: number): Contender {
  return {
    name: `sonic-boom: write ${waiters === 1 ? '1 line' : `${waiters} lines`}, flush`,
    open(directory) {
      const fd = fs.openSync(join(directory, 'audit.log'), 'a')
      const stream = new sonicBooms.SonicBoom({
        fd,
        minLength: SONIC_BUFFER_BYTES,
        maxWrite: 2 * SONIC_BUFFER_BYTES,
      })
      return {
        async block(block) {
          for (let at = block * perBlock; at < (block + 1) * perBlock; at += waiters) {
            for (let i = at; i < at + waiters; i++) stream.write(lineAt(i))
            await new Promise<void>((resolve, reject) => {
              stream.flush(error => (error ? reject(error) : resolve()))
            })
          }
        },
        async close() {
          stream.end()
          await once(stream, 'close')
        },
      }
    },
  }
}

/** Waiters take the next line each, as soon as the one before is acknowledged. */
async function appendBy(
  waiters: number,
  log: FileAppender,
  from: number,
  count: number,
): Promise<void> {
  let next = from
  const wait = async (): Promise<void> => {
    while (next < from + count) await log.append(lineAt(next++))
  }
  await Promise.all(Array.from({ length: waiters }, wait))
}
