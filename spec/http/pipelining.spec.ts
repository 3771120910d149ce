import type { ServerResponse } from 'node:http'
import { expect } from 'chai'
import { AuditLog } from '../../lib/audit/audit-log.js'
import { auditHandler } from '../../lib/http/audit-handler.js'
import { RawClient } from '../support/http-client.js'
import { HttpLog } from '../support/http-log.js'
import { httpServers, SERVER_KINDS } from '../support/http-servers.js'
import { waitFor } from '../support/run-program.js'

const COUNT = 20
const FORGED = 'HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n'

/** Codes that tell each answer from all others. */
const CODES = Array.from({ length: COUNT }, (_, index) => 220 + index)

describe('pipelined requests', () => {
  const start = httpServers()

  for (const { name, make, transport } of SERVER_KINDS.filter(({ version }) => version === 1)) {
    /** Sends all requests in one packet; gives their responses, in the order of the requests. */
    const ask = async (): Promise<{ log: HttpLog; client: RawClient; open: ServerResponse[] }> => {
      const log = new HttpLog()
      const open: ServerResponse[] = []
      const server = await make(
        auditHandler(new AuditLog(log), (_, response) => open.push(response), { insecure: true }),
      )
      const client = await RawClient.open(await start(server, transport))
      client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(COUNT))
      await waitFor('all requests', () => open.length === COUNT)
      return { log, client, open }
    }

    it(`have each its code, though they are answered in reverse, on ${name}`, async () => {
      const { log, client, open } = await ask()
      for (const index of [...CODES.keys()].toReversed()) {
        open[index]?.writeHead(CODES[index] ?? 0).end('x')
        if (index > 0) expect(log.answers, 'none is sent before the first').to.equal(0)
      }
      await client.answered(COUNT)
      expect(client.answers().map(({ code }) => code)).to.deep.equal(CODES)
      await log.answered(COUNT)
      expect(log.codes()).to.deep.equal(CODES)
    })

    it(`take nothing from a body before them that looks like a header, on ${name}`, async () => {
      const { log, client, open } = await ask()
      for (const [index, response] of open.slice(1).entries()) {
        response.writeHead(CODES[index + 1] ?? 0).end(FORGED)
      }
      open[0]?.writeHead(CODES[0] ?? 0, { 'content-length': FORGED.length * 2 }).flushHeaders()
      open[0]?.write(Buffer.from(FORGED))
      await waitFor('a piece of the body', () => client.heard.includes(FORGED))
      expect(log.answers).to.equal(1)
      open[0]?.end(FORGED)
      await client.answered(COUNT)
      expect(client.answers().map(({ code }) => code)).to.deep.equal(CODES)
      await log.answered(COUNT)
      expect(log.codes()).to.deep.equal(CODES)
    })

    it(`have 499 where the connection ends before their turn, on ${name}`, async () => {
      const { log, client, open } = await ask()
      const answered = 7
      for (const index of [0, 1, 2, 3, 4, 5, 6, 10, 12]) {
        open[index]?.writeHead(CODES[index] ?? 0).end('x')
      }
      await client.answered(answered)
      await client.leave()
      await log.answered(COUNT)
      const gone = Array<number>(COUNT - answered).fill(499)
      expect(log.codes()).to.deep.equal([...CODES.slice(0, answered), ...gone])
    })
  }
})
