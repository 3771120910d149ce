import { types } from 'node:util'
import { createGunzip, createGzip } from 'node:zlib'
import type { Disk } from '../platform/disk.js'
import { ZlibFeed } from './zlib-feed.js'

/** What to compress, into what. */
export interface GzipCopy {
  /** Open to read. */
  readonly from: number
  /** Its size. Less than this is an error, and more is not read. */
  readonly bytes: number
  /** Open to append, and empty. */
  readonly to: number
  /** 1, quick, to 9, small. */
  readonly level: number
  /** Ends it before its end: after the piece that is on its way. */
  readonly signal: AbortSignal
}

/** What to compare: open to read, each with its size. */
export interface GzipComparison {
  readonly archive: number
  readonly archiveBytes: number
  readonly source: number
  readonly sourceBytes: number
  readonly signal: AbortSignal
}

/** Read in one go. At level 9 zlib is busy with it for 20 ms, the longest that an end waits. */
const PIECE_BYTES = 256 * 1024

/** A piece of an archive may become a thousand times as large (https://zlib.net/zlib_tech.html). */
const ARCHIVE_PIECE_BYTES = 16 * 1024

/** What zlib hands over at once. */
const OUTPUT_BYTES = 64 * 1024

/** Synced in between, so that the log's own syncs never wait for a gigabyte of somebody else's. */
const SYNC_BYTES = 8 * 1024 * 1024

/** How a gzip file begins: its magic, and the only method there is (RFC 1952, 2.3.1). */
const GZIP_START = Uint8Array.of(0x1f, 0x8b, 8)

/**
 * Compresses a file into another, piece by piece and off the event loop.
 *
 * Resolved with the size of the archive: it is on stable storage.
 *
 * Rejected with what the disk says, or with the signal's reason; nothing is under way then, so that
 * the descriptors may be closed.
 */
export async function gzipCopy(disk: Disk, copy: GzipCopy): Promise<number> {
  const { from, bytes, to, level, signal } = copy
  const gzip = new ZlibFeed(createGzip({ level, chunkSize: OUTPUT_BYTES }))
  let written = 0
  let syncAt = SYNC_BYTES
  const write = async (pieces: readonly Uint8Array[]): Promise<void> => {
    for (const piece of pieces) {
      for (let at = 0; at < piece.length;) {
        signal.throwIfAborted()
        const taken = await disk.writeLater(to, piece.subarray(at))
        if (taken === 0) throw new Error('the disk takes nothing more')
        at += taken
      }
      written += piece.length
    }
    if (written < syncAt) return
    await disk.datasync(to)
    syncAt = written + SYNC_BYTES
  }
  try {
    const buffer = Buffer.allocUnsafeSlow(Math.min(bytes, PIECE_BYTES))
    for (let at = 0; at < bytes;) {
      signal.throwIfAborted()
      const came = await readPiece(disk, from, buffer, at, bytes)
      await write(await gzip.put(buffer.subarray(0, came)))
      at += came
    }
    await write(await gzip.end())
    await disk.datasync(to)
    return written
  } finally {
    gzip.close()
  }
}

/**
 * What an archive beside a source is:
 *
 * - `'same'` a whole archive of just this source, on stable storage;
 * - `'less'` a half-made one, or one of the beginning of the source: the source has all it has;
 * - `'other'` a whole one with something that the source does not have.
 *
 * Rejected as `gzipCopy` is.
 */
export async function compareGzip(
  disk: Disk,
  comparison: GzipComparison,
): Promise<'same' | 'less' | 'other'> {
  const { archive, archiveBytes, source, sourceBytes, signal } = comparison
  const gunzip = new ZlibFeed(createGunzip({ chunkSize: OUTPUT_BYTES }))
  const expected = Buffer.allocUnsafeSlow(OUTPUT_BYTES)
  let at = 0
  let differs = false
  const compare = async (pieces: readonly Uint8Array[]): Promise<void> => {
    for (const piece of pieces) {
      differs ||= piece.length > sourceBytes - at
      for (let from = 0; !differs && from < piece.length;) {
        signal.throwIfAborted()
        const end = at + piece.length - from
        const came = await readPiece(disk, source, expected, at, end)
        differs = expected.compare(piece, from, from + came, 0, came) !== 0
        from += came
        at += came
      }
    }
  }
  try {
    const buffer = Buffer.allocUnsafeSlow(ARCHIVE_PIECE_BYTES)
    for (let readTo = 0; readTo < archiveBytes;) {
      signal.throwIfAborted()
      const came = await readPiece(disk, archive, buffer, readTo, archiveBytes)
      const pieces = await unlessBroken(gunzip.put(buffer.subarray(0, came)))
      if (!pieces) return 'less'
      await compare(pieces)
      readTo += came
    }
    const last = await unlessBroken(gunzip.end())
    if (!last) return 'less'
    await compare(last)
  } finally {
    gunzip.close()
  }
  if (differs) return 'other'
  if (at < sourceBytes) return 'less'
  await disk.datasync(archive)
  return 'same'
}

/**
 * Whether a file begins as a gzip file does. Reads no more than that.
 *
 * @throws what opening and reading it throws.
 */
export function looksLikeGzip(disk: Disk, path: string): boolean {
  const fd = disk.openToRead(path)
  try {
    const start = Buffer.alloc(GZIP_START.length)
    return disk.read(fd, start, 0) === start.length && start.equals(GZIP_START)
  } finally {
    disk.close(fd)
  }
}

/** Reads up to `end`; resolved with how many bytes came, at least one. */
async function readPiece(
  disk: Disk,
  fd: number,
  buffer: Uint8Array,
  at: number,
  end: number,
): Promise<number> {
  const came = await disk.readLater(fd, buffer.subarray(0, end - at), at)
  if (came === 0) throw new Error('it got shorter meanwhile')
  return came
}

/** Undefined where zlib says that this is no gzip file, or not all of one. */
async function unlessBroken<Result>(result: Promise<Result>): Promise<Result | undefined> {
  try {
    return await result
  } catch (error) {
    if (isBroken(error)) return undefined
    throw error
  }
}

/** Z_DATA_ERROR, Z_BUF_ERROR and Z_NEED_DICT, but not Z_MEM_ERROR (https://zlib.net/manual.html). */
function isBroken(error: unknown): boolean {
  return types.isNativeError(error) && 'errno' in error && BROKEN.has(Number(error.errno))
}

const BROKEN: ReadonlySet<number> = new Set([2, -3, -5])
