/**
 * Escapes bytes that may be no UTF-8: whole runs of what is, and each byte that is none.
 *
 * @param escapeText writes text.
 * @param escapeByte writes a byte, 0x80 to 0xFF.
 */
export function escapeUtf8(
  bytes: Buffer,
  escapeText: (text: string) => string,
  escapeByte: (byte: number) => string,
): string {
  let result = ''
  let runStart = 0
  let index = 0
  while (index < bytes.length) {
    const width = sequenceBytes(bytes, index)
    if (width === 0) {
      result += escapeText(bytes.toString('utf8', runStart, index)) + escapeByte(bytes[index]!)
      runStart = index + 1
    }
    index += Math.max(width, 1)
  }
  return result + escapeText(bytes.toString('utf8', runStart))
}

/**
 * How many bytes the well-formed UTF-8 sequence at `start` has; 0 if there is none. The limits of
 * the second byte keep out overlong forms, surrogates and all above U+10FFFF (Unicode 15.0,
 * table 3-7).
 */
function sequenceBytes(bytes: Buffer, start: number): number {
  const lead = bytes[start]!
  if (lead < 0x80) return 1
  if (lead < 0xc2 || lead > 0xf4) return 0
  const width = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
  const lowest = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
  const highest = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
  const second = bytes[start + 1] ?? 0
  if (second < lowest || second > highest) return 0
  for (let index = start + 2; index < start + width; index++) {
    if (((bytes[index] ?? 0) & 0xc0) !== 0x80) return 0
  }
  return width
}
