import { isUtf8 } from 'node:buffer'
import type { AuditText } from './audit-record.js'
import { escapeUtf8 } from './utf8-sequence.js'

/** Text that stands between quotes as it is; DEL does too. */
const PLAIN = /^[ !#-%'-;=?-[\]-\x7f]*$/

/** All escapes that `JSON.stringify` writes, and the characters that Go escapes besides. */
const TOKEN = /\\(?:u[\da-f]{4}|.)|[<>&\u2028\u2029]/g

/** What Go writes for a byte that is no UTF-8: six characters, unlike U+FFFD itself. */
const NO_CHARACTER = '\\ufffd'

/**
 * Writes text as a JSON string, as Go's `encoding/json` does
 * (https://pkg.go.dev/encoding/json#Marshal): `<`, `>`, `&`, U+2028 and U+2029 are `\u003c` and so
 * on, control bytes `\u00XX` but for `\n`, `\r` and `\t`.
 *
 * @param text a string, in which a lone surrogate is written `\ufffd`; or the bytes of one in UTF-8,
 *   in which each byte that is not UTF-8 is.
 * @returns the text with its quotes, in one line.
 */
export function goJsonString(text: AuditText): string {
  if (typeof text === 'string') return PLAIN.test(text) ? `"${text}"` : escaped(text)
  const bytes = Buffer.from(text.buffer, text.byteOffset, text.byteLength)
  if (isUtf8(bytes)) return goJsonString(bytes.toString())
  return `"${escapeUtf8(bytes, inner, () => NO_CHARACTER)}"`
}

/** Writes texts as a JSON array of strings. */
export function goJsonStrings(texts: readonly AuditText[]): string {
  return `[${texts.map(goJsonString).join(',')}]`
}

/**
 * Writes an object as Go writes a map: keys sorted by their bytes in UTF-8.
 *
 * @param written gives each value as JSON.
 */
export function goJsonMap<Value>(
  map: Readonly<Record<string, Value>>,
  written: (value: Value, key: string) => string,
): string {
  const entries = Object.entries(map).map(([key, value]) => ({
    key,
    value,
    bytes: Buffer.from(key),
  }))
  entries.sort((one, other) => Buffer.compare(one.bytes, other.bytes))
  const members = entries.map(({ key, value }) => `${goJsonString(key)}:${written(value, key)}`)
  return `{${members.join(',')}}`
}

function inner(text: string): string {
  return goJsonString(text).slice(1, -1)
}

function escaped(text: string): string {
  return JSON.stringify(text).replace(TOKEN, goToken)
}

function goToken(token: string): string {
  if (token.length === 1) return `\\u${token.charCodeAt(0).toString(16).padStart(4, '0')}`
  if (token === '\\b') return '\\u0008'
  if (token === '\\f') return '\\u000c'
  // `JSON.stringify` writes surrogates so only if they are alone.
  return token.startsWith('\\ud') ? NO_CHARACTER : token
}
