import { expect } from 'chai'
import { formatRequest, formatResponse } from '../../lib/audit/audit-line.js'
import { parseLine } from '../../lib/audit/parsed-line.js'
import { pairsIn } from './http-log.js'

const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}'
const ID = new RegExp(`^${UUID}$`)
const LINE_BEGIN = new RegExp(
  String.raw`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z AUDIT: id="${UUID}" `,
)
const EVENT_ID = new RegExp(`"auditID":"${UUID}"`)
const EVENT_TIME = /Timestamp":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"/g

/** A line of a log in JSON, as far as it is told apart here. */
interface LoggedEvent {
  readonly kind: string
  readonly auditID: string
  readonly stage: string
  readonly requestURI: string
  readonly verb: string
  readonly user: { readonly username?: string; readonly groups?: readonly string[] }
  readonly sourceIPs?: readonly string[]
  readonly impersonatedUser?: { readonly username?: string; readonly groups?: readonly string[] }
  readonly userAgent?: string
  readonly responseStatus?: { readonly code: number }
}

/** The events of one request, with the code of the last. */
export interface EventPair {
  readonly request: LoggedEvent
  readonly code: number | undefined
  readonly stages: readonly string[]
}

/**
 * Expects what `pairsIn` does, and that each line is whole, has an id of ours, and gives the same
 * line again when what was read is formatted.
 *
 * @param lines with or without their ends.
 * @returns the pairs, in the order of the requests.
 */
export function readPairs(lines: readonly string[]): ReturnType<typeof pairsIn> {
  for (const line of lines) expectWhole(line)
  return pairsIn(lines)
}

/** As `readPairs`, for events: between the first and the last may be a `ResponseStarted`. */
export function readEventPairs(lines: readonly string[]): EventPair[] {
  const pairs = new Map<string, { request: LoggedEvent; code?: number; stages: string[] }>()
  for (const line of lines) {
    expect(line.trimEnd()).to.not.match(/[\n\r\u2028\u2029]/)
    const event = JSON.parse(line) as LoggedEvent
    if (event.kind !== 'Event') throw new Error(`no event: ${line}`)
    const { auditID, stage, responseStatus } = event
    idOf(auditID, line)
    const pair = pairs.get(auditID)
    if (stage === 'RequestReceived') {
      if (pair) throw new Error(`a second request: ${line}`)
      pairs.set(auditID, { request: event, stages: [stage] })
      continue
    }
    if (!pair || isOver(pair.stages)) throw new Error(`a response to no open request: ${line}`)
    if (event.requestURI !== pair.request.requestURI) throw new Error(`another request: ${line}`)
    pair.stages.push(stage)
    if (responseStatus) pair.code = responseStatus.code
  }
  const open = [...pairs.values()].filter(({ stages }) => !isOver(stages))
  expect(open, 'requests without the end of a response').to.deep.equal([])
  return [...pairs.values()].map(({ request, code, stages }) => ({ request, code, stages }))
}

/** A line with `TIME` and `ID` in place of its times and its id, and without its end. */
export function withoutTimeAndId(line: string): string {
  const text = line.replace(/\n$/, '')
  if (!text.startsWith('{')) return text.replace(LINE_BEGIN, 'TIME AUDIT: id="ID" ')
  return text.replace(EVENT_ID, '"auditID":"ID"').replace(EVENT_TIME, 'Timestamp":"TIME"')
}

/** The bytes of a field that was read. */
export function bytesOf(text: string | Uint8Array | undefined): Buffer | undefined {
  return text === undefined ? undefined : Buffer.from(text as string)
}

function expectWhole(line: string): void {
  const parsed = parseLine(line)
  if (!parsed || parsed.kind === 'gap') throw new Error(`no line of ours: ${JSON.stringify(line)}`)
  idOf(parsed.id, line)
  const again = parsed.kind === 'request' ? formatRequest(parsed, parsed) : formatResponse(parsed)
  if (again !== `${line.replace(/\n$/, '')}\n`) throw new Error(`it reads back otherwise: ${line}`)
}

function idOf(id: string | Uint8Array, line: string): string {
  if (typeof id !== 'string' || !ID.test(id)) throw new Error(`no id of ours: ${line}`)
  return id
}

function isOver(stages: readonly string[]): boolean {
  const last = stages.at(-1)
  return last === 'ResponseComplete' || last === 'Panic'
}
