import assert from 'node:assert/strict'
import fs from 'node:fs'
import { join } from 'node:path'
import { parseLine } from 'rollkeeper/audit'
import { makeAuthority } from '../docs/examples/certificates.js'
import { LastingChild } from './lasting-child.js'
import { logFiles } from './lines.js'
import { inEmptyDirectory } from './measure.js'

const serverProgram = new URL('http-child.mjs', import.meta.url)
const clientProgram = new URL('http-client-child.mjs', import.meta.url)

/** A way of `http-child.mjs` to log a request, and what that makes of one. */
export interface Contender {
  readonly kind: string
  readonly row: string
  readonly form: 'none' | 'lines' | 'events' | 'line'
}

/** So small that a turn has several rotations in it. */
const MAX_SIZE = 2 * 1024 ** 2

/** Memory in use, in bytes. */
export interface Memory {
  readonly heapUsed: number
  readonly rss: number
}

/** What there is while servers live. */
export interface Scene {
  readonly servers: readonly LoggingServer[]
  /** Runs `http-client-child.mjs`. */
  readonly client: LastingChild
  /** The certificate that clients have to trust. */
  readonly ca: string
}

/**
 * Has a server of each contender in a process of its own, idle until its turn.
 *
 * @throws unless each has logged all requests that were counted for it, and nothing else.
 */
export async function withServers<Result>(
  contenders: readonly Contender[],
  work: (scene: Scene) => Promise<Result>,
): Promise<Result> {
  const authority = await makeAuthority()
  const tls = await authority.server()
  const children: LastingChild[] = []
  const start = (program: URL): LastingChild => {
    const child = new LastingChild(program)
    children.push(child)
    return child
  }
  return inEmptyDirectory(async parent => {
    try {
      const client = start(clientProgram)
      const servers: LoggingServer[] = []
      for (const [index, contender] of contenders.entries()) {
        const directory = join(parent, String(index))
        fs.mkdirSync(directory)
        servers.push(await LoggingServer.start(start(serverProgram), contender, { directory, tls }))
      }
      const result = await work({ servers, client, ca: authority.cert })
      for (const server of servers) await server.close()
      return result
    } finally {
      for (const child of children) await child.end()
    }
  })
}

/** A server of HTTPS in a process of its own. */
export class LoggingServer {
  readonly #child: LastingChild
  readonly #contender: Contender
  readonly #directory: string
  #requests = 0
  /** Of 127.0.0.1. */
  readonly port: number

  static async start(
    child: LastingChild,
    contender: Contender,
    { directory, tls }: { readonly directory: string; readonly tls: object },
  ): Promise<LoggingServer> {
    const path = join(directory, 'audit.log')
    const task = { contender: contender.kind, path, maxSize: MAX_SIZE, tls }
    const port = (await child.ask('listen', task)) as number
    return new LoggingServer(child, contender, directory, port)
  }

  private constructor(child: LastingChild, contender: Contender, directory: string, port: number) {
    this.#child = child
    this.#contender = contender
    this.#directory = directory
    this.port = port
  }

  /** Its row in the tables. */
  get row(): string {
    return this.#contender.row
  }

  /** Notes that so many more requests were answered. */
  count(requests: number): void {
    this.#requests += requests
  }

  /** Processor time of all its threads so far, once nothing is left to do. */
  cpuMs(): Promise<number> {
    return this.#child.ask('cpuMs') as Promise<number>
  }

  /** What it has in use once garbage is collected. */
  memory(): Promise<Memory> {
    return this.#child.ask('memory') as Promise<Memory>
  }

  /** Closes the server, and throws unless its log has all requests. */
  async close(): Promise<void> {
    const failures = (await this.#child.ask('close')) as Record<string, number>
    for (const [name, count] of Object.entries(failures)) {
      assert.equal(count, 0, `${name} of ${this.row}`)
    }
    assertLog(this.#directory, this.#contender, this.#requests)
  }
}

/** Throws unless the files of a log tell of so many requests, each one in the right form. */
function assertLog(directory: string, { row, form }: Contender, requests: number): void {
  const seen = new Map<string, 'asked' | 'answered'>()
  let count = 0
  for (const line of linesOf(directory)) {
    count++
    if (form === 'line') {
      assert.match(line, / - alice \[.* "GET .* HTTP\/1\.1" 200 \d+ /, row)
      continue
    }
    const { kind, id } = form === 'lines' ? auditLine(line) : auditEvent(line)
    assert.equal(seen.get(id), kind === 'request' ? undefined : 'asked', `${row}: ${line}`)
    seen.set(id, kind === 'request' ? 'asked' : 'answered')
  }
  const perRequest = { none: 0, line: 1, lines: 2, events: 2 }[form]
  assert.equal(count, perRequest * requests, `lines of ${row}`)
  if (perRequest === 2) assert.equal(seen.size, requests, `requests of ${row}`)
}

/** The lines of all files of a log, oldest first. */
function* linesOf(directory: string): Generator<string> {
  for (const name of logFiles(directory)) {
    const text = fs.readFileSync(join(directory, name), 'utf8')
    assert.ok(text === '' || text.endsWith('\n'), `${name} ends within a line`)
    yield* text.split('\n').slice(0, -1)
  }
}

interface Told {
  readonly kind: 'request' | 'response'
  readonly id: string
}

function auditLine(line: string): Told {
  const parsed = parseLine(line)
  assert.ok(parsed && parsed.kind !== 'gap', `no line of a request: ${line}`)
  if (parsed.kind === 'request') assert.equal(parsed.user, 'alice', line)
  else assert.equal(parsed.code, 200, line)
  return { kind: parsed.kind, id: String(parsed.id) }
}

function auditEvent(line: string): Told {
  const { auditID, stage, user, responseStatus } = JSON.parse(line)
  assert.equal(user.username, 'alice', line)
  if (stage === 'RequestReceived') return { kind: 'request', id: auditID }
  assert.equal(stage, 'ResponseComplete', line)
  assert.equal(responseStatus.code, 200, line)
  return { kind: 'response', id: auditID }
}
