import net from 'node:net'
import tls from 'node:tls'
import type { Door } from './http-client.js'

/** How a talk goes on once all is said. */
export interface TalkOptions {
  /**
   * `'end'` says that no more will come; `'wait'`, the default, lets the server close; a text waits
   * until it has come `times`, and breaks the connection off.
   */
  readonly after?: 'end' | 'wait' | { readonly text: string; readonly times: number }
}

/**
 * Says something on a connection of its own. Resolved when the connection is closed, to all that
 * came, one character a byte.
 *
 * @param bytes what is said; of a string, one byte a character.
 */
export function sayRaw(
  { port, transport }: Door,
  bytes: string | Uint8Array,
  { after = 'wait' }: TalkOptions = {},
): Promise<string> {
  return new Promise(resolve => {
    const at = { host: '127.0.0.1', port }
    const socket =
      transport === 'TLS' ? tls.connect({ ...at, rejectUnauthorized: false }) : net.connect(at)
    let heard = ''
    let count = 0
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      heard += text
      if (typeof after === 'string') return
      const from = heard.length - text.length - after.text.length
      count += heard.slice(Math.max(0, from + 1)).split(after.text).length - 1
      if (count >= after.times) socket.destroy()
    })
    // A server may well reset the connection of a client that says such things.
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(heard))
    const said = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes
    if (after === 'end') socket.end(said)
    else socket.write(said)
  })
}
