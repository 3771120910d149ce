/**
 * A small Kubernetes-like server that keeps an audit log: 2,000 requests, a line for each and one
 * for its answer, in files of 64 KiB of which the three newest stay. A backup is pruned only after
 * this program has read it: so in the end it can check all lines, though most files are gone.
 */
import fs from 'fs-extra'
import { once } from 'node:events'
import { Agent, createServer, request } from 'node:http'
import type { IncomingMessage, RequestOptions } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FileAppender, type RetentionPolicy } from 'rollkeeper'
import { AuditLog, parseLine, rfc3339Nano } from 'rollkeeper/audit'
import type { ParsedRequest, ParsedResponse } from 'rollkeeper/audit'

const REQUESTS = 2000
const directory = await fs.mkdtemp(join(tmpdir(), 'rollkeeper-demo-'))
const path = join(directory, 'audit.log')

/** What the log said, by the id that joins a request to its response. */
const requests = new Map<string, ParsedRequest>()
const responses = new Map<string, ParsedResponse>()

/** Reads the lines of one file in; a line that is none, or comes twice, is an error. */
async function readLines(file: string): Promise<void> {
  for (const line of (await fs.readFile(file, 'utf8')).trimEnd().split('\n')) {
    const parsed = parseLine(line)
    const id = parsed && 'id' in parsed ? String(parsed.id) : ''
    if (parsed?.kind === 'request' && !requests.has(id)) requests.set(id, parsed)
    else if (parsed?.kind === 'response' && !responses.has(id)) responses.set(id, parsed)
    else throw new Error(`no line of a request, or one that comes twice: ${line}`)
  }
}

/** Names of the backups that were read. */
const read = new Set<string>()

/** A retention policy is a function: from all backups, newest first, to those that may go. */
const onceRead: RetentionPolicy = backups => backups.slice(3).filter(({ name }) => read.has(name))

const log = new FileAppender({ path, maxSize: '64KiB', retention: onceRead })
const audit = new AuditLog(log)
const reading: Promise<unknown>[] = []
log.on('rotate', backup => {
  reading.push(readLines(backup.path).then(() => read.add(backup.name)))
  reading.at(-1)?.catch(() => undefined) // `main` waits for all of them, and hears it there
})

/** The server: a line when a request comes, and one when its header is sent. */
const server = createServer((incoming, outgoing) => {
  const { headers, method = '', url = '' } = incoming
  const id = audit.request({
    ip: incoming.socket.remoteAddress,
    method,
    user: headers['x-remote-user']?.toString(),
    as: headers['impersonate-user']?.toString(),
    namespace: /\/namespaces\/([^/]+)/.exec(url)?.[1],
    uri: url,
  })
  const code = url.endsWith('/missing') ? 404 : method === 'POST' ? 201 : 200
  outgoing.writeHead(code, { 'content-type': 'application/json' })
  audit.response(id, code)
  outgoing.end(`{"code":${code}}\n`)
})

const pick = (choices: string[], number: number) => choices[number % choices.length]
/** Made up, but always the same for a number. */
function madeUpRequest(number: number): RequestOptions {
  const namespace = pick(['default', 'kube-system', 'payments', 'web'], number)
  const resource = pick(['pods', 'services', 'secrets', 'configmaps', 'events'], number)
  const name = number % 11 === 0 ? '/missing' : number % 3 === 0 ? `/${resource}-${number}` : ''
  const user = pick(['admin', 'system:kube-scheduler', 'alice', 'bob@example.com'], number >> 2)
  return {
    host: '127.0.0.1',
    method: pick(['GET', 'GET', 'POST', 'PUT', 'GET', 'DELETE', 'PATCH'], number),
    path: `/api/v1/namespaces/${namespace}/${resource}${name}`,
    headers: { 'x-remote-user': user, ...(number % 7 === 0 && { 'impersonate-user': 'carol' }) },
  }
}

/** Sends one request. Resolved: the answer has come whole. */
async function send(options: RequestOptions): Promise<void> {
  const [answer]: IncomingMessage[] = await once(request(options).end(), 'response')
  if (answer) await once(answer.resume(), 'end')
}

/** Sends all requests, a few at a time. */
async function sendAll(): Promise<void> {
  const agent = new Agent({ keepAlive: true })
  const address = server.address() // a text only for what is no network address
  const target = { port: typeof address === 'object' ? address?.port : 0, agent }
  let next = 0
  const client = async (): Promise<void> => {
    while (next < REQUESTS) await send({ ...target, ...madeUpRequest(next++) })
  }
  await Promise.all(Array.from({ length: 16 }, client))
  agent.destroy()
}

/** What an auditor asks of a line: who, what, when, from where, and how it ended. */
function tell({ id, user, as, method, uri, time, ip }: ParsedRequest): void {
  console.log(`The last request of somebody who acted as somebody else, ${String(id)}:
  who         ${String(user)}, as ${String(as)}
  what        ${String(method)} ${String(uri)}
  when        ${rfc3339Nano(time)}
  from where  ${ip}
  answered    ${responses.get(String(id))?.code}`)
}

/** Prints the files, and the last lines. */
async function tellFiles(): Promise<void> {
  console.log(`\n${directory}`)
  for (const name of (await fs.readdir(directory)).sort()) {
    const { size } = await fs.stat(join(directory, name))
    console.log(`  ${name.padEnd(36)} ${String(size).padStart(7)} bytes`)
  }
  const lines = (await fs.readFile(path, 'utf8')).split('\n').slice(-5)
  console.log(`\nThe end of audit.log:\n${lines.join('\n')}`)
}

/** Checks that each request has its two lines, and that the files came and went. */
function check(): void {
  const { rotations, pruned } = log.stats()
  const pairs = [...requests.keys()].filter(id => responses.has(id)).length
  console.log(`\nfiles: ${rotations} rotated, ${pruned} pruned`)
  console.log(`check: ${pairs} of ${REQUESTS} requests have their two lines`)
  const count = requests.size + responses.size
  if (pairs !== REQUESTS || count !== 2 * REQUESTS) throw new Error(`${count} lines are there`)
  if (pruned === 0) throw new Error('nothing was pruned')
}

async function main(): Promise<void> {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  await sendAll()
  server.close()
  await log.settled()
  await Promise.all(reading)
  await log.prune() // what was read too late for the last prune
  await log.close()
  await readLines(path)
  await tellFiles()
  for (const asked of [...requests.values()].filter(({ as }) => as).slice(-1)) tell(asked)
  check()
}

await main().catch((error: unknown) => {
  console.error(`demo: the log is not as it should be: ${String(error)}`)
  process.exitCode = 1
})
