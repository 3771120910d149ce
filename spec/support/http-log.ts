import { expect } from 'chai'
import type { AuditSink } from '../../lib/audit/audit-log.js'
import { parseLine } from '../../lib/audit/parsed-line.js'
import type { ParsedRequest } from '../../lib/audit/audit-record.js'
import { waitFor } from './run-program.js'

/** A request in a log, and the codes of the lines that answer it, in their order. */
interface LoggedRequest {
  readonly request: ParsedRequest
  readonly codes: number[]
}

/** Keeps the lines that it is given. It acknowledges at once, unless a test holds it or fails it. */
export class HttpLog implements AuditSink {
  readonly lines: string[] = []
  /** What `append` is rejected with, and what `write` throws. */
  failure: Error | undefined
  #held: (() => void)[] | undefined

  write(record: string): boolean {
    if (this.failure) throw this.failure
    this.lines.push(record)
    return true
  }

  async append(record: string): Promise<void> {
    if (this.failure) throw this.failure
    this.lines.push(record)
    const held = this.#held
    if (held) await new Promise<void>(resolve => held.push(resolve))
  }

  /** From now on nothing is acknowledged. */
  hold(): void {
    this.#held ??= []
  }

  /** Acknowledges what waits, and all that comes. */
  release(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const acknowledge of held) acknowledge()
  }

  /** How many appends wait. */
  get waiting(): number {
    return this.#held?.length ?? 0
  }

  /** How many lines of responses are there. */
  get answers(): number {
    return this.lines.filter(line => parseLine(line)?.kind === 'response').length
  }

  /** Resolved when so many requests are answered. */
  async answered(count: number): Promise<void> {
    await waitFor(`${count} answers in the log`, () => this.answers >= count)
  }

  /**
   * The codes of all requests, in the order in which these came. Expects that each has exactly one
   * line, and after it exactly one of its response, and that there is nothing else.
   */
  codes(): number[] {
    return this.pairs().map(({ code }) => code)
  }

  /** All requests with their codes; expects the same as `codes`. */
  pairs(): { request: ParsedRequest; code: number }[] {
    return pairsIn(this.lines)
  }
}

/** Requests and codes of lines; expects that request and response lines pair one to one. */
export function pairsIn(lines: readonly string[]): { request: ParsedRequest; code: number }[] {
  const byId = new Map<unknown, LoggedRequest>()
  for (const line of lines) {
    const parsed = parseLine(line)
    if (parsed?.kind === 'request') {
      expect(byId.has(parsed.id), `one line for a request: ${line}`).to.equal(false)
      byId.set(parsed.id, { request: parsed, codes: [] })
    } else if (parsed?.kind === 'response') {
      expect(byId.has(parsed.id), `its request comes first: ${line}`).to.equal(true)
      byId.get(parsed.id)?.codes.push(parsed.code)
    } else {
      expect.fail(`no line of a request: ${line}`)
    }
  }
  return [...byId.values()].map(({ request, codes }) => {
    expect(codes, `one response for ${String(request.id)}`).to.have.lengthOf(1)
    return { request, code: codes[0] ?? 0 }
  })
}
