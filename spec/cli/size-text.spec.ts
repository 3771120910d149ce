import { expect } from 'chai'
import { formatSize } from '../../lib/cli/size-text.js'

describe('formatSize', () => {
  const sizes: [number, string][] = [
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [1536, '1.5 KiB'],
    [1024 ** 2 - 1, '1.0 MiB'],
    [1023.9 * 1024, '1023.9 KiB'],
    [1024 ** 2, '1.0 MiB'],
    [100 * 1024 ** 2, '100.0 MiB'],
    [5 * 1024 ** 3, '5.0 GiB'],
    [3 * 1024 ** 4, '3.0 TiB'],
    [5000 * 1024 ** 4, '5000.0 TiB'],
  ]
  for (const [bytes, text] of sizes) {
    it(`says ${text} for ${bytes} bytes`, () => {
      expect(formatSize(bytes)).to.equal(text)
    })
  }
})
