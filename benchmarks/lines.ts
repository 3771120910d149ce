import assert from 'node:assert/strict'
import fs from 'node:fs'
import { join } from 'node:path'

/** Bytes of each line, its end included. */
export const LINE_BYTES = 200

/** So many different lines are made, and used round and round. */
export const LINE_COUNT = 10_000

/** Lines of 200 bytes of ASCII, each beginning with its number. */
export const lines: readonly string[] = Array.from({ length: LINE_COUNT }, (_, number) =>
  flat(`${String(number).padStart(8, '0')} `.padEnd(LINE_BYTES - 1, 'audit log record; ') + '\n'),
)

/** The line at a position of an endless log. */
export function lineAt(position: number): string {
  return lines[position % LINE_COUNT] ?? ''
}

/**
 * Throws unless the files of a directory, backups oldest to newest and then the active file, give
 * exactly the first `count` lines: every byte in its place.
 */
export function assertLines(directory: string, count: number): void {
  const expected = Buffer.from(lines.join(''))
  const found = Buffer.alloc(expected.length)
  let at = 0
  for (const name of logFiles(directory)) {
    const fd = fs.openSync(join(directory, name), 'r')
    try {
      for (;;) {
        const from = at % expected.length
        const bytes = fs.readSync(fd, found, 0, expected.length - from, null)
        if (bytes === 0) break
        const same = expected.compare(found, 0, bytes, from, from + bytes) === 0
        assert.ok(same, `${name}: wrong bytes near line ${Math.floor(at / LINE_BYTES)}`)
        at += bytes
      }
    } finally {
      fs.closeSync(fd)
    }
    assert.equal(at % LINE_BYTES, 0, `${name} ends within a line`)
  }
  assert.equal(at, count * LINE_BYTES, 'bytes over all files')
}

/** Files of a log in the order of their records: `-<time>` of a backup sorts before `.log`. */
export function logFiles(directory: string): string[] {
  return fs
    .readdirSync(directory)
    .filter(name => name.endsWith('.log') && !name.startsWith('.'))
    .sort()
}

/** A string of one piece: one that was put together is copied when it is first written. */
export function flat(text: string): string {
  return Buffer.from(text).toString('latin1')
}
