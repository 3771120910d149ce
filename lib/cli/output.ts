import { reasonOf, systemCode } from '../platform/rollkeeper-error.js'

/** Written in one go, in UTF-16 units. */
const PIECE_LENGTH = 64 * 1024

/** How the system and Node say that nobody reads any more. */
const NO_READER: ReadonlySet<string | undefined> = new Set(['EPIPE', 'ERR_STREAM_DESTROYED'])

/**
 * Writes to standard output, at the pace of its reader. A reader that has seen enough and left is
 * no error.
 *
 * @returns resolved when all was taken, or nobody reads any more.
 * @throws Error that says why it cannot be written.
 */
export async function print(pieces: Iterable<string>): Promise<void> {
  let waiting = ''
  for (const piece of pieces) {
    waiting += piece
    if (waiting.length < PIECE_LENGTH) continue
    if ((await write(waiting)) === 'nobody reads') return
    waiting = ''
  }
  if (waiting !== '') await write(waiting)
}

function write(text: string): Promise<'taken' | 'nobody reads'> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, cause => {
      if (!cause) resolve('taken')
      else if (NO_READER.has(systemCode(cause))) resolve('nobody reads')
      else {
        const message = `cannot write to standard output (${reasonOf(cause)})`
        reject(new Error(message, { cause }))
      }
    })
  })
}
