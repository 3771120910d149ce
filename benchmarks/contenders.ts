import fs from 'node:fs'
import { join } from 'node:path'
import { FileAppender, type FileAppenderOptions } from 'rollkeeper'
import type { Contender } from './measure.js'

/** How many bytes a bare loop gathers before it writes: as many as a `FileAppender` does. */
const BATCH_UNITS = 64 * 1024

/** A contender that works on a `FileAppender` which rotates at 100 MiB and keeps three backups. */
export function ours(
  name: string,
  work: (log: FileAppender, block: number) => void | Promise<void>,
  options: Partial<FileAppenderOptions> = {},
): Contender {
  return {
    name,
    open(directory) {
      const path = join(directory, 'audit.log')
      const log = new FileAppender({ path, maxSize: '100MiB', maxBackups: 3, ...options })
      return {
        block: block => work(log, block),
        async close() {
          await log.settled()
          await log.close()
        },
      }
    },
  }
}

/** A contender that works on the descriptor of one file, which it never rotates. */
export function bare(
  name: string,
  work: (fd: number, block: number) => void | Promise<void>,
): Contender {
  return {
    name,
    open(directory) {
      const fd = fs.openSync(join(directory, 'audit.log'), 'a')
      return { block: block => work(fd, block), close: () => fs.closeSync(fd) }
    },
  }
}

/** The least that can be done: gathers lines to 64 KiB, and writes these. */
export function writeGathered(fd: number, count: number, lineAt: (at: number) => string): void {
  let text = ''
  for (let at = 0; at < count; at++) {
    text += lineAt(at)
    if (text.length >= BATCH_UNITS) {
      fs.writeSync(fd, text)
      text = ''
    }
  }
  if (text !== '') fs.writeSync(fd, text)
}
