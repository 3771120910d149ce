// Clients of an HTTPS server. It does what its parent asks, message by message, until the parent
// goes. Plain JavaScript, so that no compiler is at work beside it.
import autocannon from 'autocannon'
import { once } from 'node:events'
import { createHistogram } from 'node:perf_hooks'
import tls from 'node:tls'

const HOST = '127.0.0.1'
const PATH = '/api/v1/namespaces/default/pods?limit=500'
const HEADERS = {
  authorization: `Basic ${Buffer.from('alice:secret').toString('base64')}`,
  'user-agent': 'rollkeeper-benchmark/1',
}
const REQUEST = Buffer.from(
  `GET ${PATH} HTTP/1.1\r\nhost: ${HOST}\r\n` +
    Object.entries(HEADERS)
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join('') + // prettier-ignore
    '\r\n',
)
const HEADER_END = '\r\n\r\n'

const pause = ms => new Promise(resolve => setTimeout(resolve, ms))

/** A connection that is kept, on which one request follows the other. */
class Connection {
  #socket
  #received = []
  #missing = Infinity
  #waiting

  static async open(port, ca) {
    const socket = tls.connect({ host: HOST, port, ca })
    await once(socket, 'secureConnect')
    return new Connection(socket)
  }

  constructor(socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', chunk => this.#take(chunk))
    socket.on('error', error => this.#waiting?.reject(error))
    socket.on('close', () => this.#waiting?.reject(new Error('the server closed a connection')))
  }

  /** Resolved when the whole answer is there; rejected unless it is 200. */
  ask() {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      this.#socket.write(REQUEST)
    })
  }

  close() {
    this.#waiting = undefined
    this.#socket.destroy()
  }

  #take(chunk) {
    if (this.#missing === Infinity) {
      this.#received.push(chunk)
      const text = Buffer.concat(this.#received).toString('latin1')
      const end = text.indexOf(HEADER_END)
      if (end === -1) return
      const length = /^content-length: (\d+)\r$/im.exec(text.slice(0, end + 1))?.[1]
      if (!text.startsWith('HTTP/1.1 200 ') || length === undefined) {
        this.#waiting.reject(new Error(`wrong answer: ${text.slice(0, end)}`))
        return
      }
      this.#missing = end + HEADER_END.length + Number(length) - text.length
    } else this.#missing -= chunk.length
    if (this.#missing > 0) return
    this.#received = []
    this.#missing = Infinity
    this.#waiting.resolve()
  }
}

let connections = []

const answers = {
  /**
   * As fast as can be, without pipelining. Answers with the time from the first answer to the last:
   * autocannon's own clock ticks once a second.
   */
  async autocannon({ port, connections: count, requests }) {
    const url = `https://${HOST}:${port}${PATH}`
    let firstMs
    let lastMs
    const instance = autocannon({ url, connections: count, amount: requests, headers: HEADERS })
    instance.on('response', () => {
      lastMs = performance.now()
      firstMs ??= lastMs
    })
    const { '2xx': ok, non2xx, errors } = await instance
    return { ok, wrong: non2xx + errors, ms: lastMs - firstMs }
  },

  async connect({ port, ca, connections: count }) {
    connections = []
    while (connections.length < count) connections.push(await Connection.open(port, ca))
  },

  /**
   * Sends so many requests over all connections, on each one after the other, with pauses of up to
   * `pauseMs`: of even length, the connections would soon ask all at once. Answers with the
   * milliseconds until an answer was whole, of so many of 100.
   */
  async ask({ requests, pauseMs }) {
    const histogram = createHistogram()
    let left = requests
    const converse = async connection => {
      while (left-- > 0) {
        const startedNs = process.hrtime.bigint()
        await connection.ask()
        histogram.record(process.hrtime.bigint() - startedNs)
        if (pauseMs > 0) await pause(Math.random() * pauseMs)
      }
    }
    await Promise.all(connections.map(converse))
    const ms = part => histogram.percentile(part) / 1e6
    return { count: histogram.count, p50: ms(50), p99: ms(99), p999: ms(99.9) }
  },

  async disconnect() {
    for (const connection of connections.splice(0)) connection.close()
  },
}

async function obey({ name, task }) {
  process.send({ answer: await answers[name](task) })
}

process.on('message', message => void obey(message))
process.on('disconnect', () => process.exit())
