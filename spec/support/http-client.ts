import { once } from 'node:events'
import http2 from 'node:http2'
import net from 'node:net'
import tls from 'node:tls'
import { NO_ANSWER, readAnswers, type HttpAnswer } from './http-answer.js'
import { httpCertificates } from './http-certificates.js'
import { waitFor } from './run-program.js'

/** How to reach a server: over TLS or not, and in which version of HTTP. */
export interface Door {
  readonly port: number
  readonly transport: 'plain' | 'TLS'
}

/** What is asked of a server. */
export interface Question {
  readonly method?: string
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** A connection that is written to as a test likes, and that keeps all it hears. */
export class RawClient {
  readonly socket: net.Socket
  /** All that came, a character for each byte. */
  heard = ''
  readonly #methods: string[] = []

  private constructor(socket: net.Socket) {
    this.socket = socket
    socket.setEncoding('latin1').on('data', (text: string) => (this.heard += text))
    socket.on('error', () => undefined) // a server may reset what it does not like
  }

  /** Connects. Over TLS it shows no certificate. */
  static async open({ port, transport }: Door): Promise<RawClient> {
    const { ca } = await httpCertificates()
    const host = '127.0.0.1'
    const isSecure = transport === 'TLS'
    const ALPNProtocols = ['http/1.1']
    const socket = isSecure
      ? tls.connect({ host, port, ca, ALPNProtocols })
      : net.connect(port, host)
    const client = new RawClient(socket)
    await once(socket, isSecure ? 'secureConnect' : 'connect')
    return client
  }

  /** Sends bytes, a character each. */
  send(text: string): void {
    this.socket.write(text, 'latin1')
  }

  /** Sends a request. */
  ask({ method = 'GET', path = '/', headers = {}, body = '' }: Question = {}): void {
    this.#methods.push(method)
    const all: Record<string, string> = { Host: 'localhost', ...headers }
    if (body !== '') all['Content-Length'] = String(body.length)
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
    this.send(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`)
  }

  /** What was answered so far. */
  answers(): HttpAnswer[] {
    return readAnswers(this.heard, this.#methods, this.socket.closed)
  }

  /** Resolved when so many answers came as a whole, or the connection is closed. */
  async answered(count = 1): Promise<HttpAnswer[]> {
    await waitFor(`${count} answers`, () => {
      const whole = this.answers().filter(({ status }) => status === 'whole')
      return whole.length >= count || this.socket.closed
    })
    return this.answers()
  }

  /** Goes away without a word. */
  async leave(): Promise<void> {
    this.socket.destroy()
    await this.closed()
  }

  /** Resolved when the connection is closed. */
  async closed(): Promise<void> {
    await waitFor('the connection is closed', () => this.socket.closed)
  }
}

/** Connects by HTTP/2. */
export async function openSession({ port, transport }: Door): Promise<http2.ClientHttp2Session> {
  const { ca } = await httpCertificates()
  const scheme = transport === 'TLS' ? 'https' : 'http'
  const session = http2.connect(`${scheme}://127.0.0.1:${port}`, { ca })
  session.on('error', () => undefined)
  return session
}

/** Opens a stream. */
export function openStream(
  session: http2.ClientHttp2Session,
  { method = 'GET', path = '/', headers = {}, body = '' }: Question = {},
): http2.ClientHttp2Stream {
  const all = { ...headers, ':method': method, ':path': path }
  const stream = session.request(all, { endStream: body === '' })
  stream.on('error', () => undefined)
  if (body !== '') stream.end(body)
  return stream
}

/** Hears what a stream is answered, to its end. */
export async function streamAnswer(stream: http2.ClientHttp2Stream): Promise<HttpAnswer> {
  const interim: number[] = []
  let answer = NO_ANSWER
  let body = ''
  let status: HttpAnswer['status'] = 'cut'
  stream.on('headers', headers => interim.push(Number(headers[':status'])))
  stream.on('response', headers => {
    const texts = Object.entries(headers).map(([name, value]) => [name, String(value)])
    answer = { ...NO_ANSWER, code: Number(headers[':status']), headers: Object.fromEntries(texts) }
  })
  stream.setEncoding('latin1').on('data', (text: string) => (body += text))
  stream.on('end', () => (status = 'whole'))
  if (!stream.closed) await once(stream, 'close').catch(() => undefined)
  return { ...answer, interim, body, status }
}
