import assert from 'node:assert/strict'
import { GridSheet, type Grid, type GridQuestion } from './grid.js'
import type { LastingChild } from './lasting-child.js'
import { withServers, type Contender, type LoggingServer, type Memory } from './logging-server.js'
import { rotated } from './measure.js'
import { answer, type Answer, type Question } from './record.js'

/** How much is measured. */
export interface HttpScale {
  /** Of a turn, of each contender. */
  readonly requests: number
  readonly warmups: number
  readonly rounds: number
}

/** How many requests there are before memory is looked at, and then again. */
export interface EnduranceScale {
  readonly requestsBefore: number
  readonly requests: number
  readonly connections: number
}

const BARE: Contender = { kind: 'bare', row: 'bare: no log', form: 'none' }
const BLOCKING: Contender = { kind: 'blocking', row: 'rollkeeper/http, blocking', form: 'lines' }
const BATCH: Contender = { kind: 'batch', row: 'rollkeeper/http, batch', form: 'lines' }
const STRICT: Contender = {
  kind: 'blocking-strict',
  row: 'rollkeeper/http, blocking-strict',
  form: 'lines',
}
const JSON_EVENTS: Contender = {
  kind: 'json',
  row: 'rollkeeper/http, blocking, JSON events',
  form: 'events',
}
const MORGAN_ROTATING: Contender = {
  kind: 'morgan, rotating-file-stream',
  row: 'morgan combined, rotating-file-stream',
  form: 'line',
}
const MORGAN_PLAIN: Contender = {
  kind: 'morgan, createWriteStream',
  row: 'morgan combined, fs.createWriteStream (no rotation)',
  form: 'line',
}

const CONTENDERS = [
  BLOCKING,
  BATCH,
  STRICT,
  JSON_EVENTS,
  BARE,
  MORGAN_ROTATING,
  MORGAN_PLAIN,
] as const

const CONNECTIONS = 50

/** A closed loop of so many clients, each pausing after an answer, leaves the server time to spare. */
const CALM = { connections: 10, pauseMs: 10 }

/** More than this a request would be a leak, in bytes; less is noise. */
const LEAK_BYTES = 100

const SETTING =
  'HTTPS with keep-alive connections, a JSON answer of 4 KiB made for each request, one user. ' +
  'Ours writes two lines or events a request, morgan one, when the response is over; nobody waits ' +
  'for that one. Files rotate at 2 MiB. Durability: handed to the operating system.'

const SPEED: Question = {
  title: 'requests of an HTTPS server',
  about:
    `${SETTING} autocannon with ${CONNECTIONS} connections, no pipelining, from the first answer ` +
    'to the last; each server, and it, in a process of its own.',
  unit: 'requests/s',
  reference: BARE.row,
  wanted: { row: BLOCKING.row, ratioAtLeast: 0.85 },
  alsoWanted: [{ row: BATCH.row, ratioAtLeast: 0.88 }],
}

const WORK = 'of a request'
const MORE = 'more than bare'

const WORKS: GridQuestion = {
  title: 'work of an HTTPS server',
  about: 'Processor time of the server, all its threads, in the same turns.',
  unit: 'µs',
  heading: 'processor time',
  columns: [WORK, MORE],
  wanted: [],
}

const P99: Question = {
  title: 'HTTPS, until 99 of 100 answers are there',
  about:
    `${SETTING} ${CALM.connections} connections, on each of which the next request comes ` +
    `at most ${CALM.pauseMs} ms after an answer: a server that is not at its limit. Less is better.`,
  unit: 'µs',
  reference: BARE.row,
  wanted: { row: BLOCKING.row, ratioAtMost: 1.25 },
  alsoWanted: [{ row: BATCH.row, ratioAtMost: 1.25 }],
}

const P50 = '50 of 100'
const P999 = '999 of 1000'

const OTHERS: GridQuestion = {
  title: 'HTTPS, until the answers are there',
  about: 'In the same turns.',
  unit: 'ms',
  heading: 'until there are',
  columns: [P50, '99 of 100', P999],
  wanted: [],
}

/** How many requests a server with an audit answers, and what each costs it. */
export function httpSpeed(scale: HttpScale): Promise<(Answer | Grid)[]> {
  return withServers(CONTENDERS, async ({ servers, client }) => {
    const speeds = newRows(CONTENDERS)
    const works = new GridSheet(
      WORKS,
      CONTENDERS.map(({ row }) => row),
    )
    for (let round = 0; round < scale.warmups + scale.rounds; round++) {
      const worked = new Map<string, number>()
      for (const server of rotated(servers, round)) {
        const { requests } = scale
        const beforeMs = await server.cpuMs()
        const task = { port: server.port, connections: CONNECTIONS, requests }
        const load = (await client.ask('autocannon', task)) as Record<'ok' | 'wrong' | 'ms', number>
        const cpuMs = (await server.cpuMs()) - beforeMs
        assert.deepEqual([load.ok, load.wrong], [requests, 0], `answers of ${server.row}`)
        server.count(requests)
        if (round < scale.warmups) continue
        speeds.get(server.row)?.push((requests / load.ms) * 1000)
        worked.set(server.row, (cpuMs / requests) * 1000)
      }
      for (const [row, micros] of worked) {
        works.add(row, WORK, micros)
        works.add(row, MORE, micros - (worked.get(BARE.row) ?? NaN))
      }
    }
    return [answer(SPEED, scale, speeds), works.grid()]
  })
}

/** How long clients wait for their answers. */
export function httpLatency(scale: HttpScale): Promise<(Answer | Grid)[]> {
  return withServers(CONTENDERS, async ({ servers, client, ca }) => {
    const p99s = newRows(CONTENDERS)
    const others = new GridSheet(
      OTHERS,
      CONTENDERS.map(({ row }) => row),
    )
    for (let round = 0; round < scale.warmups + scale.rounds; round++) {
      for (const server of rotated(servers, round)) {
        const { connections, pauseMs } = CALM
        const { requests } = scale
        await client.ask('connect', { port: server.port, ca, connections })
        const seen = (await client.ask('ask', { requests, pauseMs })) as Seen
        await client.ask('disconnect')
        assert.equal(seen.count, requests, `answers of ${server.row}`)
        server.count(requests)
        if (round < scale.warmups) continue
        p99s.get(server.row)?.push(seen.p99 * 1000)
        others.add(server.row, P50, seen.p50)
        others.add(server.row, '99 of 100', seen.p99)
        others.add(server.row, P999, seen.p999)
      }
    }
    return [answer(P99, scale, p99s), others.grid()]
  })
}

/** Milliseconds until an answer was there, of so many of 100. */
interface Seen {
  readonly count: number
  readonly p50: number
  readonly p99: number
  readonly p999: number
}

const ENDURING = [BLOCKING, BATCH, JSON_EVENTS, BARE] as const

/**
 * Many requests over many connections: memory that a server has in use after some, and after many.
 *
 * @throws where it grows with the requests.
 */
export function httpEndurance(scale: EnduranceScale): Promise<Grid> {
  const { requestsBefore, requests, connections } = scale
  const columns = [requestsBefore, requests].map(count => count.toLocaleString('en-US'))
  const [before = '', after = ''] = columns
  const question: GridQuestion = {
    title: 'memory of an HTTPS server',
    about:
      `In use once garbage is collected, after so many requests over ${connections} connections, ` +
      'which stay open. What is kept of each request would show as growth of the heap.',
    unit: 'MB',
    heading: 'requests',
    columns: [...columns, 'growth'],
    wanted: ENDURING.slice(0, -1).map(({ row }) => ({
      row: heapOf(row),
      column: 'growth',
      valueAtMost: 2,
    })),
  }
  const rows = [...ENDURING.map(({ row }) => heapOf(row)), ...ENDURING.map(({ row }) => rssOf(row))]
  const sheet = new GridSheet(question, rows)
  return withServers(ENDURING, async ({ servers, client, ca }) => {
    for (const server of servers) {
      await client.ask('connect', { port: server.port, ca, connections })
      const first = await askAndMeasure(server, client, requestsBefore)
      const last = await askAndMeasure(server, client, requests - requestsBefore)
      await client.ask('disconnect')
      const grownBytes = last.heapUsed - first.heapUsed
      const leakBytes = 2e6 + LEAK_BYTES * (requests - requestsBefore)
      assert.ok(grownBytes < leakBytes, `the heap of ${server.row} grew by ${grownBytes} bytes`)
      for (const [row, name] of [
        [heapOf(server.row), 'heapUsed'],
        [rssOf(server.row), 'rss'],
      ] as const) {
        sheet.add(row, before, first[name] / 1e6)
        sheet.add(row, after, last[name] / 1e6)
        sheet.add(row, 'growth', (last[name] - first[name]) / 1e6)
      }
    }
    return sheet.grid()
  })
}

function heapOf(row: string): string {
  return `${row}: heap`
}

function rssOf(row: string): string {
  return `${row}: RSS`
}

async function askAndMeasure(
  server: LoggingServer,
  client: LastingChild,
  requests: number,
): Promise<Memory> {
  const seen = (await client.ask('ask', { requests, pauseMs: 0 })) as Seen
  assert.equal(seen.count, requests, `answers of ${server.row}`)
  server.count(requests)
  return server.memory()
}

function newRows(contenders: readonly Contender[]): Map<string, number[]> {
  return new Map(contenders.map(({ row }) => [row, []]))
}
