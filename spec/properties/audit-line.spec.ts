import { expect } from 'chai'
import * as fc from 'fast-check'
import { auditGapRecord, formatRequest, formatResponse } from '../../lib/audit/audit-line.js'
import type { AuditRequest, ParsedLine } from '../../lib/audit/audit-record.js'
import { goQuote, goUnquote } from '../../lib/audit/go-quote.js'
import { parseLine } from '../../lib/audit/parsed-line.js'

const SENTINELS = new Set(['<nil>', '<none>', '<self>', '<lookup>'])

/** All that ends a line, turns text round or hides it, for some reader of text. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}]|(?! )\p{Zs}/u

const hostilePiece = fc.constantFrom(
  '\n',
  '\r\n',
  '"',
  '\\',
  '\\"',
  '\u2028',
  '\u2029',
  '\u0085',
  '\u202e',
  '\u2066',
  '\ufeff',
  '\0',
  '\x1b[2K',
  '" response="200"\n2016-09-07T13:03:57Z AUDIT: id="',
  '2016-09-07T13:03:57Z AUDIT: gap records="1" bytes="1" why="x"\n',
  'AUDIT:',
  '<none>',
  ',',
)

const hostile = fc
  .array(fc.oneof(hostilePiece, fc.string({ maxLength: 4 })), { maxLength: 8 })
  .map(pieces => pieces.join(''))

/** Any string there can be in JavaScript, lone surrogates too. */
const anyText = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc.array(fc.integer({ max: 0xffff, min: 0 })).map(units => String.fromCharCode(...units)),
  hostile,
)

/** A string that UTF-8 can say. */
const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), hostile)

/** A string that can be told from its absence. */
const value = text.filter(string => !SENTINELS.has(string))

const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 24 }),
  fc
    .tuple(text, fc.uint8Array({ maxLength: 3 }), text)
    .map(([before, middle, after]) =>
      Uint8Array.from(Buffer.concat([Buffer.from(before), middle, Buffer.from(after)])),
    ),
)

const anyField = fc.oneof(anyText, bytes)

const time = fc.record({
  time: fc.bigInt({ min: -62_167_132_800_000_000_000n, max: 253_402_214_400_000_000_000n }),
  offset: fc.integer({ min: -1439, max: 1439 }).map(minutes => minutes * 60),
})

const format = fc.constantFrom('1.4' as const, '1.6' as const)

function optional<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.option(arbitrary, { nil: undefined })
}

/** A request of any fields whatever. */
const anyRequest: fc.Arbitrary<AuditRequest> = fc
  .record({
    time,
    id: anyField,
    ip: optional(fc.oneof(fc.ipV4(), fc.ipV6(), anyText)),
    method: anyField,
    user: optional(anyField),
    groups: optional(fc.array(anyField, { maxLength: 4 })),
    as: optional(anyField),
    asGroups: optional(fc.array(anyField, { maxLength: 4 })),
    namespace: optional(anyField),
    uri: anyField,
  })
  .map(({ time: when, ...fields }) => ({ ...when, ...fields }))

/** A request whose line says all of it: no sentinel given as a value, no address but a plain one. */
const tellingRequest = fc
  .record(
    {
      time,
      id: text,
      ip: fc.ipV4(),
      method: text,
      user: value,
      groups: fc.array(text, { minLength: 1, maxLength: 4 }),
      as: value,
      asGroups: fc.array(text, { minLength: 1, maxLength: 4 }),
      namespace: value,
      uri: text,
    },
    { requiredKeys: ['time', 'id', 'method', 'uri'] },
  )
  .map(({ time: when, ...fields }) => ({ ...when, ...fields }))

function formatted(parsed: ParsedLine): string {
  if (parsed.kind === 'request') return formatRequest(parsed, parsed)
  return parsed.kind === 'response' ? formatResponse(parsed) : auditGapRecord(parsed)
}

function expectOneLine(line: string): void {
  expect(line.indexOf('\n')).to.equal(line.length - 1)
  expect(UNSAFE.exec(line.slice(0, -1))).to.equal(null)
}

describe('formatRequest, for any input', () => {
  it('writes one line that hides nothing and reads back as itself', () => {
    fc.assert(
      fc.property(anyRequest, format, (request, chosen) => {
        const line = formatRequest(request, { format: chosen })
        expectOneLine(line)
        const parsed = parseLine(line)
        expect(parsed).to.not.equal(undefined)
        expect(formatted(parsed!)).to.equal(line)
        expect(parseLine(line.slice(0, -1))).to.deep.equal(parsed)
      }),
      { numRuns: 1000 },
    )
  })

  it('is undone by parseLine, for well-formed strings that are no sentinels', () => {
    fc.assert(
      fc.property(tellingRequest, format, (request, chosen) => {
        const shown: Record<string, unknown> = { kind: 'request', format: chosen, ...request }
        if (chosen === '1.4') {
          delete shown['groups']
          delete shown['asGroups']
        }
        expect(parseLine(formatRequest(request, { format: chosen }))).to.deep.equal(shown)
      }),
      { numRuns: 1000 },
    )
  })
})

describe('formatResponse, for any input', () => {
  it('writes one line, which parseLine undoes', () => {
    const code = fc.integer({ min: 100, max: 999 })
    fc.assert(
      fc.property(time, text, code, (when, id, status) => {
        const response = { ...when, id, code: status }
        const line = formatResponse(response)
        expectOneLine(line)
        expect(parseLine(line)).to.deep.equal({ kind: 'response', ...response })
      }),
    )
  })
})

describe('auditGapRecord, for any input', () => {
  it('writes one line, which parseLine undoes', () => {
    fc.assert(
      fc.property(time, text, fc.maxSafeNat(), fc.maxSafeNat(), (when, why, records, missing) => {
        const gap = { ...when, records, bytes: missing, why }
        const line = auditGapRecord(gap)
        expectOneLine(line)
        expect(parseLine(line)).to.deep.equal({ kind: 'gap', ...gap })
      }),
    )
  })
})

describe('parseLine, for any input', () => {
  it('takes a changed line only if it is exactly what the formatters would write', () => {
    const change = fc.record({
      at: fc.nat(),
      removed: fc.nat({ max: 3 }),
      inserted: fc.oneof(hostilePiece, fc.string({ maxLength: 2 }), fc.string({ unit: 'binary' })),
    })
    let taken = 0
    fc.assert(
      fc.property(anyRequest, format, change, (request, chosen, { at, removed, inserted }) => {
        const line = formatRequest(request, { format: chosen })
        const start = at % (line.length + 1)
        const changed = line.slice(0, start) + inserted + line.slice(start + removed)
        const parsed = parseLine(changed)
        if (parsed === undefined) return
        taken++
        expect(formatted(parsed)).to.equal(changed.endsWith('\n') ? changed : `${changed}\n`)
      }),
      { numRuns: 3000 },
    )
    expect(taken).to.be.above(100)
  })

  it('takes no text that is not a line', () => {
    const noLine = anyText.filter(string => !string.startsWith('2016-09-07T')) // one piece is a line
    fc.assert(fc.property(noLine, string => parseLine(string) === undefined))
  })
})

describe('goQuote, for any input', () => {
  it('is undone by goUnquote, for strings', () => {
    fc.assert(fc.property(text, string => goUnquote(goQuote(string)) === string))
  })

  it('is undone by goUnquote, for bytes', () => {
    fc.assert(
      fc.property(bytes, given => {
        expect(goUnquote(goQuote(given), { bytes: true })).to.deep.equal(given)
      }),
      { numRuns: 1000 },
    )
  })

  it('writes a string as it writes its bytes', () => {
    fc.assert(
      fc.property(anyText, string => goQuote(string) === goQuote(new TextEncoder().encode(string))),
      { numRuns: 1000 },
    )
  })
})
