import { Duplex } from 'node:stream'
import { AuditLog } from '../../lib/audit/audit-log.js'
import { Exchange } from '../../lib/http/exchange.js'
import { Journal } from '../../lib/http/journal.js'
import type { HttpLog } from './http-log.js'

/** An exchange whose request is recorded already, in mode `'batch'`, which waits for nothing. */
export function makeExchange(log: HttpLog, id: string): Exchange {
  const journal = new Journal(new AuditLog(log), { mode: 'batch', maxWaitMs: 1000 })
  const nobody = { user: undefined, groups: undefined }
  const arrival = { id, method: 'GET', uri: '/', target: '/', ...nobody }
  const exchange = new Exchange(arrival, { journal, form: 'lines', open: new Map() })
  void exchange.record(undefined)
  return exchange
}

/** A socket that keeps what is written to it. */
export function makeSocket(): { socket: Duplex; written: string[] } {
  const written: string[] = []
  const socket = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _, done) => {
      written.push(String(chunk))
      done()
    },
  })
  return { socket, written }
}
