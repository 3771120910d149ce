// A server of HTTPS that answers with 4 KiB of JSON, and logs its requests in one of several ways.
// It does what its parent asks, message by message, until the parent goes. Plain JavaScript, so that
// no compiler is at work beside it.
import fs from 'node:fs'
import https from 'node:https'
import { basename, dirname } from 'node:path'
import { finished } from 'node:stream/promises'

const ANSWER_BYTES = 4096

/** The only user who asks; morgan finds a user of its own in the same header. */
const USER = 'alice'

const value = { kind: 'PodList', apiVersion: 'v1', items: [] }
for (let number = 0; number < 30; number++) {
  value.items.push({ name: `worker-${number}`, namespace: 'default', phase: 'Running', number })
}
value.padding = ''.padEnd(ANSWER_BYTES - JSON.stringify({ ...value, padding: '' }).length)

function handle(_request, response) {
  const body = JSON.stringify(value)
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': body.length })
  response.end(body)
}

/** Each gives the server a log, and returns how to wait for it and to close it. */
const contenders = {
  bare(server) {
    server.on('request', handle)
    return { settle() {}, close() {} }
  },

  blocking: (server, log) => audited(server, log, { mode: 'blocking' }),
  'blocking-strict': (server, log) => audited(server, log, { mode: 'blocking-strict' }),
  batch: (server, log) => audited(server, log, { mode: 'batch' }),
  json: (server, log) => audited(server, log, { mode: 'blocking' }, { format: 'json' }),

  async 'morgan, rotating-file-stream'(server, { path, maxSize }) {
    const { createStream } = await import('rotating-file-stream')
    const size = `${Math.round(maxSize / 1024)}K`
    return logged(server, createStream(basename(path), { path: dirname(path), size }))
  },
  'morgan, createWriteStream': (server, { path }) => logged(server, fs.createWriteStream(path)),
}

async function audited(server, { path, maxSize }, options, auditOptions = {}) {
  const { FileAppender } = await import('rollkeeper')
  const { AuditLog } = await import('rollkeeper/audit')
  const { auditServer } = await import('rollkeeper/http')
  const log = new FileAppender({ path, maxSize })
  const audit = new AuditLog(log, auditOptions)
  auditServer(audit, server, { ...options, user: () => USER })
  server.on('request', handle)
  return {
    settle: () => log.settled(),
    async close() {
      await log.close()
      const { errors, rejectedRequests } = audit.stats()
      return { errors, rejectedRequests }
    },
  }
}

async function logged(server, stream) {
  const { default: morgan } = await import('morgan')
  const logger = morgan('combined', { stream })
  server.on('request', (request, response) =>
    logger(request, response, () => handle(request, response)),
  )
  return { settle() {}, close: () => finished(stream.end()).then(() => undefined) }
}

let server
let work

const answers = {
  /** Answers with the port of 127.0.0.1. */
  async listen({ contender, tls, ...log }) {
    // A connection that waits for its turn is not closed meanwhile.
    server = https.createServer({ ...tls, keepAliveTimeout: 600_000 })
    work = await contenders[contender](server, log)
    await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
    return server.address().port
  },

  /** Waits for what is left to do, and answers with the processor time of all threads so far. */
  async cpuMs() {
    await work.settle()
    const { user, system } = process.cpuUsage()
    return (user + system) / 1000
  },

  /** Answers with the memory in use once garbage is collected, in bytes. */
  async memory() {
    await work.settle()
    for (let times = 0; times < 3; times++) {
      await new Promise(setImmediate)
      globalThis.gc()
    }
    const { heapUsed, rss } = process.memoryUsage()
    return { heapUsed, rss }
  },

  /** Answers with what went wrong, as far as the log counts it. */
  async close() {
    await new Promise(resolve => {
      server.close(resolve)
      server.closeAllConnections()
    })
    return (await work.close()) ?? {}
  },
}

async function obey({ name, task }) {
  process.send({ answer: await answers[name](task) })
}

process.on('message', message => void obey(message))
process.on('disconnect', () => process.exit())
