/**
 * A server like that of Kubernetes, over TLS, with an audit log: requests of all kinds, two lines for
 * each, in files of 64 KiB of which the three newest stay. A backup is pruned only after this
 * program has read it: so in the end it can check all lines, though most files are gone.
 */
import fs from 'fs-extra'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FileAppender, type RetentionPolicy } from 'rollkeeper'
import { AuditLog } from 'rollkeeper/audit'
import { auditServer } from 'rollkeeper/http'
import { AuditTrail, describeHappening } from './audit-trail.js'
import { makeAuthority } from './certificates.js'
import { Client, type Question } from './client.js'
import { makeCluster } from './cluster.js'

/** Requests of every day, before those that are told of. */
const REQUESTS = 1000

const PODS = '/api/v1/namespaces/payments/pods'
const IMPERSONATION = {
  'impersonate-user': 'carol',
  'impersonate-group': ['auditors', 'night-shift'],
}

/** What is told of, by what is asked for. */
const TOLD: Readonly<Record<string, string>> = {
  [`${PODS}/web-1`]: 'An administrator looks at a pod',
  '/api/v1/namespaces/payments/secrets/db': 'An administrator acts as somebody else',
  '/api/v1/secrets': 'Somebody without a certificate is refused',
  '/api/v1/nodes?access_token=REDACTED': 'A developer puts a secret into an address',
  [`${PODS}?watch=true`]: 'A developer watches, and the answer is logged when it begins',
  [`${PODS}/web-1/exec?command=sh`]: 'A developer opens a shell, and the connection is upgraded',
  [`${PODS}/web-1/log`]: 'A developer has no patience',
}

const directory = await fs.mkdtemp(join(tmpdir(), 'rollkeeper-demo-'))
const path = join(directory, 'audit.log')

/** A retention policy is a function: from all backups, newest first, to those that may go. */
const readBackups = new Set<string>()
const onceRead: RetentionPolicy = backups =>
  backups.slice(3).filter(({ name }) => readBackups.has(name))

const log = new FileAppender({ path, maxSize: '64KiB', retention: onceRead })
const audit = new AuditLog(log, { format: '1.6' })
const trail = new AuditTrail()
const reading: Promise<unknown>[] = []
log.on('rotate', backup => {
  reading.push(trail.read(backup.path).then(() => readBackups.add(backup.name)))
  reading.at(-1)?.catch(() => undefined) // `main` waits for all of them, and hears it there
})

const authority = await makeAuthority()
const server = makeCluster({ ...(await authority.server()), ca: authority.cert })
auditServer(audit, server) // this is all that it takes
server.listen(0, '127.0.0.1')
await once(server, 'listening')

async function makeClient(user?: string, groups: string[] = []): Promise<Client> {
  const certificate = user === undefined ? {} : await authority.client(user, groups)
  const { port } = server.address() as AddressInfo
  return new Client(port, { ...certificate, ca: authority.cert })
}

const admin = await makeClient('admin', ['system:masters'])
const developer = await makeClient('alice', ['developers', 'payments'])
const stranger = await makeClient()

/** Made up, but always the same for a number. */
function madeUpQuestion(number: number): Question {
  const pick = (choices: string[]) => choices[number % choices.length] ?? ''
  const namespace = pick(['default', 'kube-system', 'payments', 'web'])
  const resource = pick(['pods', 'services', 'secrets', 'configmaps', 'events'])
  const name = number % 11 === 0 ? '/missing' : number % 3 === 0 ? `/${resource}-${number}` : ''
  return {
    method: pick(['GET', 'GET', 'POST', 'PUT', 'GET', 'DELETE', 'PATCH']),
    path: `/api/v1/namespaces/${namespace}/${resource}${name}`,
  }
}

/** Sends the requests of every day, a few at a time. */
async function sendMany(): Promise<void> {
  let next = 0
  const send = async (client: Client): Promise<void> => {
    while (next < REQUESTS) await client.send(madeUpQuestion(next++))
  }
  await Promise.all([admin, developer, admin, developer, admin, developer, stranger].map(send))
}

/** Sends those that are told of, one after the other; the watch goes on beside the last two. */
async function sendTold(): Promise<void> {
  await admin.send({ path: `${PODS}/web-1` })
  await admin.send({ path: '/api/v1/namespaces/payments/secrets/db', headers: IMPERSONATION })
  await stranger.send({ path: '/api/v1/secrets' })
  await developer.send({ path: '/api/v1/nodes?access_token=c2VjcmV0' })
  const watch = await developer.watch({ path: `${PODS}?watch=true` })
  const shell = await developer.upgrade({ path: `${PODS}/web-1/exec?command=sh` })
  shell.end()
  await developer.giveUp({ path: `${PODS}/web-1/log` }, once(server, 'request'))
  watch.end()
}

/** Prints the files that are left. */
async function tellFiles(): Promise<void> {
  console.log(directory)
  for (const name of (await fs.readdir(directory)).sort()) {
    const { size } = await fs.stat(join(directory, name))
    console.log(`  ${name.padEnd(36)} ${String(size).padStart(7)} bytes`)
  }
}

/** Checks that each request has its two lines, and that the files came and went. */
function check(): void {
  const { rotations, pruned } = log.stats()
  const { events, errors } = audit.stats()
  const requests = REQUESTS + Object.keys(TOLD).length
  console.log(`\nfiles: ${rotations} rotated, ${pruned} pruned`)
  console.log(`lines: ${events} logged, ${errors} failed`)
  console.log(
    `check: ${trail.pairs} of ${requests} requests (${REQUESTS} of them ordinary) have their two lines`,
  )
  if (trail.pairs !== requests || trail.count !== 2 * requests) {
    throw new Error(`${trail.count} lines are there`)
  }
  const answered = trail.find(`${PODS}?watch=true`).response?.time
  const later = trail.find(`${PODS}/web-1/log`).request.time
  if (!answered || answered > later) throw new Error('the watch was not answered at its start')
  if (pruned === 0) throw new Error('nothing was pruned')
}

async function main(): Promise<void> {
  await sendMany()
  await sendTold()
  for (const client of [admin, developer, stranger]) client.close()
  server.close()
  await once(server, 'close')
  await log.settled()
  await Promise.all(reading)
  await log.prune() // what was read too late for the last prune
  await log.close()
  await trail.read(path)
  for (const [uri, title] of Object.entries(TOLD)) {
    console.log(`${title}:\n${describeHappening(trail.find(uri))}\n`)
  }
  await tellFiles()
  check()
}

await main().catch((error: unknown) => {
  console.error(`demo: the log is not as it should be: ${String(error)}`)
  process.exitCode = 1
})
