/** What an audit log says of requests, read back for a demonstration. */
import fs from 'fs-extra'
import { STATUS_CODES } from 'node:http'
import { parseLine, rfc3339Nano } from 'rollkeeper/audit'
import type { ParsedRequest, ParsedResponse } from 'rollkeeper/audit'

/** What happened to a request, by its two lines; the second may be missing. */
export interface Happening {
  readonly request: ParsedRequest
  readonly response: ParsedResponse | undefined
  /** Both lines as they stand in the log. */
  readonly lines: readonly string[]
}

/** The lines of an audit log, joined by the ids that a request and its response share. */
export class AuditTrail {
  readonly #requests = new Map<string, ParsedRequest>()
  readonly #responses = new Map<string, ParsedResponse>()
  readonly #lines = new Map<string, string[]>()
  #count = 0

  /** How many lines were read. */
  get count(): number {
    return this.#count
  }

  /** How many requests have both lines. */
  get pairs(): number {
    return [...this.#requests.keys()].filter(id => this.#responses.has(id)).length
  }

  /** Reads the lines of one file in; one that is none, or comes twice for its id, is an error. */
  async read(file: string): Promise<void> {
    for (const line of (await fs.readFile(file, 'utf8')).trimEnd().split('\n')) {
      const parsed = parseLine(line)
      const id = parsed && 'id' in parsed ? String(parsed.id) : ''
      if (parsed?.kind === 'request' && !this.#requests.has(id)) this.#requests.set(id, parsed)
      else if (parsed?.kind === 'response' && !this.#responses.has(id))
        this.#responses.set(id, parsed)
      else throw new Error(`no line of a request, or one that comes twice: ${line}`)
      this.#lines.set(id, [...(this.#lines.get(id) ?? []), line])
      this.#count++
    }
  }

  /** The request for this uri; the last one, if there were more. Throws if there was none. */
  find(uri: string): Happening {
    const request = [...this.#requests.values()].findLast(one => one.uri === uri)
    if (!request) throw new Error(`nothing is known of ${uri}`)
    const id = String(request.id)
    return { request, response: this.#responses.get(id), lines: this.#lines.get(id) ?? [] }
  }
}

/** Answers what an auditor asks: who, what, when, from where, with what result. */
export function describeHappening({ request, response, lines }: Happening): string {
  const { user, groups, as, asGroups, namespace, method, uri, time, ip } = request
  const acting = as === undefined ? '' : `, acting as ${named(as, asGroups)}`
  const where = namespace === undefined ? '' : `, in namespace ${String(namespace)}`
  return `  who         ${user === undefined ? 'nobody known' : named(user, groups)}${acting}
  what        ${String(method)} ${String(uri)}${where}
  when        ${rfc3339Nano(time)}
  from where  ${ip}
  result      ${response ? resultOf(response, time) : 'none yet'}
  ${lines.join('\n  ')}`
}

function named(name: string | Uint8Array, groups: ParsedRequest['groups'] = []): string {
  return groups.length === 0 ? String(name) : `${String(name)} (${groups.map(String).join(', ')})`
}

function resultOf({ code, time }: ParsedResponse, since: bigint): string {
  const meaning = code === 499 ? 'the client went away without an answer' : STATUS_CODES[code]
  return `${code} ${meaning}, after ${(Number(time - since) / 1e6).toFixed(1)} ms`
}
