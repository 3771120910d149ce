import assert from 'node:assert/strict'
import fs from 'node:fs'
import { join } from 'node:path'
import { AuditLog, formatRequest, formatResponse, parseLine } from 'rollkeeper/audit'
import { bare, ours, writeGathered } from './contenders.js'
import { flat, logFiles } from './lines.js'
import { measure, type Contender, type Scale } from './measure.js'
import { answer, type Answer, type Question } from './record.js'

const CODE = 200

const METHODS = ['GET', 'POST', 'PATCH', 'DELETE']

/** A thousand different requests, of users and paths as they come, used round and round. */
const requests = Array.from({ length: 1000 }, (_, number) => ({
  ip: `10.0.${number >> 8}.${number & 0xff}`,
  method: METHODS[number % METHODS.length] ?? 'GET',
  user: `system:serviceaccount:team-${number % 40}:worker-${number}`,
  namespace: `team-${number % 40}`,
  uri: flat(`/api/v1/namespaces/team-${number % 40}/pods/worker-${number}?timeout=30s`),
}))

const requestsByUri = new Map(requests.map(request => [request.uri, request]))

/** Request and response lines in turn, ready-made, of the lengths that an `AuditLog` writes. */
const readyLines: readonly string[] = requests
  .flatMap((request, number) => {
    const time = 1_473_253_437_400_333_001n + BigInt(number) * 10n
    const id = `5c3b8227-4af9-4322-8a71-${String(number).padStart(12, '0')}`
    return [formatRequest({ time, id, ...request }), formatResponse({ time, id, code: CODE })]
  })
  .map(flat)

/** Requests and their responses, through an `AuditLog` into a file. */
export async function auditLog(scale: Scale): Promise<Answer> {
  const question: Question = {
    title: 'AUDIT lines, through AuditLog into a file',
    about:
      'Durability: handed to the operating system. A request and its response are two lines; ours ' +
      'takes the time, draws an id, quotes and formats, the bare loop has its lines ready-made.',
    unit: 'lines/s',
    reference: 'bare: concatenate ready-made lines to 64 KiB, fs.writeSync',
    wanted: { row: 'audit.request, audit.response', valueAtLeast: 1.5e6 },
  }
  const contenders: Contender[] = [
    ours(question.wanted.row, log => {
      const audit = new AuditLog(log)
      for (let at = 0; at < scale.lines; at += 2) {
        const request = requests[(at / 2) % requests.length]
        if (request) audit.response(audit.request(request), CODE)
      }
      log.flushSync()
    }),
    bare(question.reference, fd =>
      writeGathered(fd, scale.lines, at => readyLines[at % readyLines.length] ?? ''),
    ),
  ]
  const check = (directory: string): void => assertPairs(directory, scale.lines)
  return answer(question, scale, await measure({ contenders, scale, blocks: 1, check }))
}

/**
 * Throws unless the files of a directory hold so many lines, and the first and last pairs of each
 * are a request with the fields that were given, and the response to it.
 */
function assertPairs(directory: string, count: number): void {
  let found = 0
  let carried: string[] = []
  for (const name of logFiles(directory)) {
    const text = fs.readFileSync(join(directory, name), 'latin1')
    assert.ok(text.endsWith('\n'), `${name} ends within a line`)
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) found++
    const first = [...carried, ...text.slice(0, 2000).split('\n').slice(0, 4)]
    assertPair(first)
    const last = text.slice(-2000).split('\n').slice(1, -1)
    const endsWithRequest = parseLine(last.at(-1) ?? '')?.kind === 'request'
    carried = endsWithRequest ? last.slice(-1) : []
    assertPair(endsWithRequest ? last.slice(-3, -1) : last.slice(-2))
  }
  assert.equal(found, count, 'lines over all files')
}

function assertPair([requestText = '', responseText = '']: readonly string[]): void {
  const asked = parseLine(requestText)
  const answered = parseLine(responseText)
  assert.ok(asked?.kind === 'request', `no request: ${requestText}`)
  assert.ok(answered?.kind === 'response', `no response: ${responseText}`)
  assert.equal(answered.id, asked.id)
  assert.equal(answered.code, CODE)
  const { ip, method, user, namespace, uri } = asked
  assert.deepEqual({ ip, method, user, namespace, uri }, requestsByUri.get(String(uri)))
}
