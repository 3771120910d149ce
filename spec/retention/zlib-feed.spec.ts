import { createGunzip, createGzip, gunzipSync, gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { ZlibFeed } from '../../lib/retention/zlib-feed.js'

const text = (length: number): Buffer =>
  Buffer.from(Array.from({ length }, (_, i) => `${i * 7919} `).join(''))

/** Puts all pieces in; returns all that comes. */
async function through(feed: ZlibFeed, pieces: readonly Uint8Array[]): Promise<Buffer> {
  const came: Uint8Array[] = []
  for (const piece of pieces) came.push(...(await feed.put(piece)))
  came.push(...(await feed.end()))
  feed.close()
  return Buffer.concat(came)
}

/** The error that a promise is rejected with. */
const errorOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => expect.fail('not rejected'),
    (error: unknown) => error,
  )

describe('ZlibFeed', () => {
  it('compresses piece by piece, from one buffer that is used again and again', async () => {
    const whole = text(100_000)
    const feed = new ZlibFeed(createGzip())
    const buffer = Buffer.alloc(10_007)
    const came: Uint8Array[] = []
    for (let at = 0; at < whole.length; at += buffer.length) {
      const length = whole.copy(buffer, 0, at)
      came.push(...(await feed.put(buffer.subarray(0, length))))
    }
    came.push(...(await feed.end()))
    feed.close()
    expect(gunzipSync(Buffer.concat(came)).equals(whole)).to.equal(true)
  })

  it('hands over what comes of a piece before the next one goes in', async () => {
    const zeros = gzipSync(Buffer.alloc(5_000_000))
    const feed = new ZlibFeed(createGunzip())
    let bytes = 0
    for (const byte of zeros)
      for (const piece of await feed.put(Buffer.of(byte))) bytes += piece.length
    expect(bytes).to.equal(5_000_000)
    await feed.end()
    feed.close()
  })

  it('makes a whole gzip file of nothing', async () => {
    expect(gunzipSync(await through(new ZlibFeed(createGzip()), []))).to.have.length(0)
  })

  it('passes over zeros after the end, and all that follows them', async () => {
    const padded = Buffer.concat([gzipSync('all'), Buffer.alloc(100)])
    for (const pieces of [[padded], [padded, padded], [padded, Buffer.alloc(100, 'x')]]) {
      expect(String(await through(new ZlibFeed(createGunzip()), pieces))).to.equal('all')
    }
  })

  it('rejects what is no gzip file, at whatever piece that shows, and whatever comes then', async () => {
    const gzip = gzipSync(text(1000))
    const damaged = Buffer.from(gzip)
    damaged[gzip.length - 6]! ^= 1
    for (const wrong of [Buffer.from('no gzip'), damaged]) {
      const feed = new ZlibFeed(createGunzip())
      let error: unknown
      for (const byte of wrong)
        error ??= await feed.put(Buffer.of(byte)).then(() => undefined, String)
      expect(String(error)).to.match(/incorrect/)
      expect(await errorOf(feed.put(gzip))).to.be.an.instanceOf(Error)
      feed.close()
    }
  })

  it('rejects the end where there should have been more', async () => {
    const gzip = gzipSync(text(1000))
    for (const length of [1, 9, 20, gzip.length - 1]) {
      const feed = new ZlibFeed(createGunzip())
      await feed.put(gzip.subarray(0, length))
      expect(String(await errorOf(feed.end()))).to.match(/unexpected end of file/)
      feed.close()
    }
  })
})
