import { isUtf8 } from 'node:buffer'
import { isUint8Array } from 'node:util/types'
import { wrongType } from '../arguments/argument-error.js'
import { isPrintable } from './printable.js'
import { escapeUtf8 } from './utf8-sequence.js'

/** Text that stands between quotes as it is. Nearly all of what an audit log quotes is such text. */
const PLAIN = /^[ !#-[\]-~]*$/

/** Text in which nothing but quotes and backslashes needs an escape: a list of quoted words. */
const QUOTES_APART = /^[ -~]*$/

/** A surrogate without its other half: under the `u` flag a whole pair does not match. */
const LONE_SURROGATE = /\p{Surrogate}/gu

/** The escapes that have a letter of their own (https://go.dev/ref/spec#String_literals). */
const LETTER_ESCAPES = new Map([
  [0x07, '\\a'],
  [0x08, '\\b'],
  [0x09, '\\t'],
  [0x0a, '\\n'],
  [0x0b, '\\v'],
  [0x0c, '\\f'],
  [0x0d, '\\r'],
  [0x22, '\\"'],
  [0x5c, '\\\\'],
])

/**
 * Quotes text as Go's `strconv.Quote` does (https://pkg.go.dev/strconv#Quote), which is Go's `%q`:
 * the result is one double-quoted word of printable characters, so that nothing in it can end a
 * line, begin another or hide text. `goUnquote` is the inverse.
 *
 * @param text a string, in which a lone surrogate counts as U+FFFD; or the bytes of one in UTF-8,
 *   in which each byte that is not UTF-8 becomes `\xNN`, as header bytes may. Not changed.
 * @returns the quoted text, with its quotes. Printable is what Unicode 15.0 says, whatever version
 *   of Node runs; DEL is `\x7f`, as from Go 1.19 on.
 * @throws TypeError if `text` is neither.
 * @example
 * goQuote('say "hi"\n') // "say \"hi\"\n"
 */
export function goQuote(text: string | Uint8Array): string {
  return `"${goEscape(text)}"`
}

/**
 * Writes what `goQuote` writes between its quotes. For lines of many such texts: whoever writes the
 * quotes in one go with all the rest makes half as many strings.
 *
 * @throws TypeError as `goQuote`.
 */
export function goEscape(text: string | Uint8Array): string {
  if (typeof text === 'string') return PLAIN.test(text) ? text : escaped(text)
  if (!isUint8Array(text)) throw wrongType('goQuote(text)', 'a string or a Uint8Array', text)
  const bytes = Buffer.from(text.buffer, text.byteOffset, text.byteLength)
  return isUtf8(bytes)
    ? goEscape(bytes.toString())
    : escapeUtf8(bytes, escaped, byte => `\\x${byte.toString(16)}`)
}

/** Copies the runs that need no escape whole, as there are few escapes in most texts. */
function escaped(text: string): string {
  if (QUOTES_APART.test(text)) return text.replace(/["\\]/g, '\\$&')
  let result = ''
  let runStart = 0
  let index = 0
  while (index < text.length) {
    const codePoint = text.codePointAt(index)!
    const width = codePoint > 0xffff ? 2 : 1
    if (!isPrintable(codePoint) || codePoint === 0x22 || codePoint === 0x5c) {
      result += text.slice(runStart, index) + escape(codePoint)
      runStart = index + width
    }
    index += width
  }
  return result + text.slice(runStart)
}

function escape(codePoint: number): string {
  if (codePoint >= 0xd800 && codePoint <= 0xdfff) return '\ufffd'
  const hex = codePoint.toString(16)
  if (codePoint > 0xffff) return `\\U${hex.padStart(8, '0')}`
  // DEL ends the single bytes: C1 controls are two bytes of UTF-8, so they are code points to Go.
  if (codePoint > 0x7f) return `\\u${hex.padStart(4, '0')}`
  return LETTER_ESCAPES.get(codePoint) ?? `\\x${hex.padStart(2, '0')}`
}

/** What one backslash may begin, apart from the letters of `LETTER_VALUES`. */
const NUMERIC_ESCAPE = /x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([0-7]{3})/y

/** The reverse of `LETTER_ESCAPES`: the byte for the letter behind a backslash. */
const LETTER_VALUES = new Map([...LETTER_ESCAPES].map(([value, text]) => [text[1], value]))

/**
 * Gives back the text that `goQuote` quoted. It reads all that Go's `strconv.Unquote` reads between
 * double quotes (https://pkg.go.dev/strconv#Unquote): octal `\101`, `\x41`, `\u0041` and
 * `\U00000041` too, and characters that stand there unescaped.
 *
 * @param quoted the text with its double quotes. A lone surrogate counts as U+FFFD.
 * @param options with `bytes: true` the bytes that were quoted; by default a string, in which bytes
 *   that are no UTF-8 became U+FFFD: who must tell them apart asks for the bytes.
 * @throws SyntaxError that names what is wrong and at which index of `quoted`: quotes that are
 *   missing, a raw line end, an unknown escape, a surrogate, a number above 10FFFF or octal 377.
 *   TypeError if `quoted` is no string.
 * @example
 * goUnquote('"say \\"hi\\""') // say "hi"
 */
export function goUnquote(quoted: string, options?: { readonly bytes?: false }): string
export function goUnquote(quoted: string, options: { readonly bytes: true }): Uint8Array
export function goUnquote(
  quoted: string,
  options: { readonly bytes?: boolean } = {},
): string | Uint8Array {
  if (typeof quoted !== 'string') throw wrongType('goUnquote(quoted)', 'a string', quoted)
  const bytes = unquotedBytes(quoted)
  // A copy of its own memory: that of a small Buffer is shared with others.
  return options.bytes === true ? new Uint8Array(bytes) : bytes.toString()
}

function unquotedBytes(quoted: string): Buffer {
  const end = quoted.length - 1
  if (quoted[0] !== '"') throw unquoteError('no opening quote', 0)
  if (end < 1 || quoted[end] !== '"') throw unquoteError('no closing quote', quoted.length)
  const pieces: Buffer[] = []
  let index = 1
  while (index < end) {
    if (quoted[index] === '\\') {
      const { bytes, width } = unescaped(quoted, index, end)
      pieces.push(bytes)
      index += width
    } else {
      const runEnd = plainRunEnd(quoted, index, end)
      const run = quoted.slice(index, runEnd).replace(LONE_SURROGATE, '\ufffd')
      pieces.push(Buffer.from(run))
      index = runEnd
    }
  }
  return Buffer.concat(pieces)
}

/** The index at which the characters that stand for themselves end. */
function plainRunEnd(quoted: string, start: number, end: number): number {
  let index = start
  while (index < end && quoted[index] !== '\\') {
    if (quoted[index] === '"') throw unquoteError('a quote inside the text', index)
    if (quoted[index] === '\n') throw unquoteError('a line end inside the text', index)
    index++
  }
  return index
}

/** Reads the escape whose backslash is at `start`: its bytes, and its width in characters. */
function unescaped(quoted: string, start: number, end: number): { bytes: Buffer; width: number } {
  const letter = start + 1 < end ? LETTER_VALUES.get(quoted[start + 1]) : undefined
  if (letter !== undefined) return { bytes: Buffer.of(letter), width: 2 }
  NUMERIC_ESCAPE.lastIndex = start + 1
  const match = NUMERIC_ESCAPE.exec(quoted)
  // A match cannot reach the closing quote, as no number has one.
  if (match === null) throw unquoteError('an unknown escape', start)
  const width = 1 + match[0].length
  const [, byteHex, shortHex, longHex, octal] = match
  if (byteHex !== undefined) return { bytes: Buffer.from(byteHex, 'hex'), width }
  if (octal !== undefined) {
    const byte = Number.parseInt(octal, 8)
    if (byte > 0xff) throw unquoteError('an octal escape above 377', start)
    return { bytes: Buffer.of(byte), width }
  }
  const codePoint = Number.parseInt(shortHex ?? longHex!, 16)
  const isSurrogate = codePoint >= 0xd800 && codePoint <= 0xdfff
  if (isSurrogate || codePoint > 0x10ffff) throw unquoteError('an escape of no character', start)
  return { bytes: Buffer.from(String.fromCodePoint(codePoint)), width }
}

function unquoteError(what: string, index: number): SyntaxError {
  return new SyntaxError(`goUnquote(quoted): ${what} at index ${index}`)
}
