import { isUtf8 } from 'node:buffer'
import { wrongType } from '../arguments/argument-error.js'
import { auditGapRecord, formatRequest, formatResponse } from './audit-line.js'
import type {
  AuditFormat,
  AuditText,
  ParsedGap,
  ParsedLine,
  ParsedRequest,
  ParsedResponse,
} from './audit-record.js'
import { goUnquote } from './go-quote.js'
import { type LineTime, parseLineTime } from './rfc3339.js'

/** Values by field name, still quoted. */
type QuotedFields = Record<string, string>

/** Which line has which fields, in their order. */
const FORMATS = new Map<string, AuditFormat>([
  ['id ip method user as namespace uri', '1.4'],
  ['id ip method user groups as asgroups namespace uri', '1.6'],
])

/**
 * Reads one line of an audit log: a request in format 1.4 or 1.6, a response, or a gap record. It
 * takes exactly the lines that the formatters write. Of every line it takes, formatting what it
 * returns gives the same line: `formatRequest(parsed, parsed)`, `formatResponse(parsed)` or
 * `auditGapRecord(parsed)`, by `parsed.kind`.
 *
 * @param line the line; its `\n` may be left out.
 * @returns the fields. Sentinels are absent: `user: '<none>'` and no user are the same line. A text
 *   that holds bytes which are no UTF-8 is a `Uint8Array`, all others are strings. Undefined for
 *   anything else than one whole line.
 * @throws TypeError if `line` is no string.
 */
export function parseLine(line: string): ParsedLine | undefined {
  if (typeof line !== 'string') throw wrongType('parseLine(line)', 'a string', line)
  const timeEnd = line.indexOf(' ')
  const time = parseLineTime(line.slice(0, Math.max(timeEnd, 0)))
  if (time === undefined || !line.startsWith(' AUDIT: ', timeEnd)) return undefined
  const end = line.endsWith('\n') ? line.length - 1 : line.length
  const parsed = parseBody(time, line.slice(timeEnd + ' AUDIT: '.length, end))
  if (parsed === undefined) return undefined
  // The formatter decides what a line is. So two rules for one thing can never part ways.
  return formatted(parsed) === `${line.slice(0, end)}\n` ? parsed : undefined
}

function formatted(parsed: ParsedLine): string {
  if (parsed.kind === 'request') return formatRequest(parsed, parsed)
  return parsed.kind === 'response' ? formatResponse(parsed) : auditGapRecord(parsed)
}

function parseBody(time: LineTime, body: string): ParsedLine | undefined {
  const isGap = body.startsWith('gap ')
  const fields = quotedFields(isGap ? body.slice('gap '.length) : body)
  if (fields === undefined) return undefined
  const names = Object.keys(fields).join(' ')
  if (isGap) return names === 'records bytes why' ? parsedGap(time, fields) : undefined
  if (names === 'id response') return parsedResponse(time, fields)
  const format = FORMATS.get(names)
  return format === undefined ? undefined : parsedRequest(time, format, fields)
}

/** Splits `name="value" name="value"`; undefined if the text is anything else. */
function quotedFields(text: string): QuotedFields | undefined {
  const fields: QuotedFields = {}
  let index = 0
  while (index < text.length) {
    const equals = text.indexOf('=', index)
    const end = equals < 0 ? -1 : quotedEnd(text, equals + 1)
    if (end < 0) return undefined
    fields[text.slice(index, equals)] = text.slice(equals + 1, end)
    if (end < text.length && text[end] !== ' ') return undefined
    index = end + 1
  }
  return fields
}

/** The index behind the quoted word that begins at `start`; -1 if there is none. */
function quotedEnd(text: string, start: number): number {
  if (text[start] !== '"') return -1
  let index = start + 1
  while (index < text.length && text[index] !== '"') index += text[index] === '\\' ? 2 : 1
  return index < text.length ? index + 1 : -1
}

function parsedRequest(
  time: LineTime,
  format: AuditFormat,
  fields: QuotedFields,
): ParsedRequest | undefined {
  const id = unquoted(fields['id'])
  const method = unquoted(fields['method'])
  const uri = unquoted(fields['uri'])
  if (id === undefined || method === undefined || uri === undefined) return undefined
  const ip = unquotedUnless('<nil>', fields['ip'])
  const user = unquotedUnless('<none>', fields['user'])
  const groups = unquotedList(fields['groups'])
  const as = unquotedUnless('<self>', fields['as'])
  const asGroups = unquotedList(fields['asgroups'])
  const namespace = unquotedUnless('<none>', fields['namespace'])
  return {
    kind: 'request',
    format,
    ...time,
    id,
    ...(typeof ip === 'string' && { ip }),
    method,
    ...(user !== undefined && { user }),
    ...(groups !== undefined && { groups }),
    ...(as !== undefined && { as }),
    ...(asGroups !== undefined && { asGroups }),
    ...(namespace !== undefined && { namespace }),
    uri,
  }
}

function parsedResponse(time: LineTime, fields: QuotedFields): ParsedResponse | undefined {
  const id = unquoted(fields['id'])
  const code = /^"(0|[1-9]\d\d)"$/.exec(fields['response'] ?? '')?.[1]
  if (id === undefined || code === undefined) return undefined
  return { kind: 'response', ...time, id, code: Number(code) }
}

function parsedGap(time: LineTime, fields: QuotedFields): ParsedGap | undefined {
  const records = unquotedCount(fields['records'])
  const bytes = unquotedCount(fields['bytes'])
  const why = unquoted(fields['why'])
  if (records === undefined || bytes === undefined || why === undefined) return undefined
  return { kind: 'gap', ...time, records, bytes, why }
}

function unquotedCount(quoted = ''): number | undefined {
  const count = Number(/^"(\d+)"$/.exec(quoted)?.[1])
  return Number.isSafeInteger(count) ? count : undefined
}

/** The text that was quoted: as bytes only where no string could be quoted into the same. */
function unquoted(quoted = ''): AuditText | undefined {
  try {
    const bytes = goUnquote(quoted, { bytes: true })
    return isUtf8(bytes) ? Buffer.from(bytes.buffer).toString() : bytes
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/**
 * As `unquoted`, and undefined too for what stands for an absent value. What is wrong is so read as
 * absent, and found out when the line is formatted again.
 */
function unquotedUnless(sentinel: string, quoted: string | undefined): AuditText | undefined {
  const text = unquoted(quoted)
  return text === sentinel ? undefined : text
}

/** The groups of a list that was quoted twice; undefined for a sentinel, which is no such list. */
function unquotedList(quoted: string | undefined): AuditText[] | undefined {
  const list = quoted === undefined ? undefined : unquoted(quoted)
  if (typeof list !== 'string') return undefined
  const groups: AuditText[] = []
  let index = 0
  while (index < list.length) {
    const end = quotedEnd(list, index)
    const group = end < 0 ? undefined : unquoted(list.slice(index, end))
    if (group === undefined) return undefined
    groups.push(group)
    index = end + 1
  }
  return groups
}
