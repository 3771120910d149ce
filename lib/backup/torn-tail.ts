import type { Disk } from '../platform/disk.js'

const LINE_END = 0x0a
/** What closes a torn tail. */
export const LINE_END_BYTES = Uint8Array.of(LINE_END)
const STEP_BYTES = 64 * 1024

/**
 * Counts the bytes at the end of a file that no line end closes: a record that a crash cut, or the
 * zeros that some file systems leave after power loss. 0 when the file ends as it should.
 *
 * @throws what reading the file throws.
 */
export function tornBytes(disk: Disk, fd: number, size: number): number {
  let end = size
  while (end > 0) {
    const start = Math.max(0, end - (end === size ? 1 : STEP_BYTES))
    const piece = new Uint8Array(end - start)
    const came = disk.read(fd, piece, start)
    const lineEnd = piece.subarray(0, came).lastIndexOf(LINE_END)
    if (lineEnd !== -1) return size - (start + lineEnd + 1)
    end = start
  }
  return size
}

/**
 * Closes a torn tail by one line end, so that the next record is not glued to it. The torn bytes
 * stay: they may be all that is known of a record.
 *
 * @returns how many bytes were torn; 0 when there was nothing to close.
 * @throws what reading or writing the file throws.
 */
export function closeTornTail(disk: Disk, fd: number, size: number): number {
  const torn = tornBytes(disk, fd, size)
  if (torn > 0) disk.write(fd, LINE_END_BYTES, 0, 1)
  return torn
}
