/** A client of a server that it knows by its authority, for a demonstration. */
import { once } from 'node:events'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { Agent, request, type AgentOptions } from 'node:https'
import type { Socket } from 'node:net'

/** What is asked for, besides where. */
export interface Question {
  readonly method?: string
  readonly path: string
  readonly headers?: Record<string, string | string[]>
}

/** A connection, or a stream, that goes on until its client ends it. */
export interface Ongoing {
  end(): void
}

/** Sends requests over a few connections, which it keeps. */
export class Client {
  readonly #agent: Agent
  readonly #port: number

  /** @param tls whom to believe, as `ca`; and its own certificate, if it has one. */
  constructor(port: number, tls: AgentOptions) {
    this.#port = port
    this.#agent = new Agent({ ...tls, keepAlive: true, maxSockets: 4 })
  }

  /** Resolved: the answer has come whole. */
  async send(question: Question): Promise<void> {
    const [answer]: IncomingMessage[] = await once(this.#ask(question).end(), 'response')
    if (answer) await once(answer.resume(), 'end')
  }

  /** Resolved: the first event has come; more may come until it is ended. */
  async watch(question: Question): Promise<Ongoing> {
    const asked = this.#ask(question).end()
    const [answer]: IncomingMessage[] = await once(asked, 'response')
    if (answer) await once(answer, 'data')
    return { end: () => void asked.destroy() }
  }

  /** Resolved: the connection speaks another protocol now, and has said a word in it. */
  async upgrade(question: Question): Promise<Ongoing> {
    const headers = { ...question.headers, connection: 'Upgrade', upgrade: 'echo' }
    const [, socket]: [IncomingMessage, Socket] = await (once(
      this.#ask({ ...question, headers }).end(),
      'upgrade',
    ) as Promise<[IncomingMessage, Socket]>)
    socket.write('hello\n')
    await once(socket, 'data')
    return { end: () => void socket.end() }
  }

  /** Sends a request and goes away. Resolved: the server had it by then. */
  async giveUp(question: Question, arrival: Promise<unknown>): Promise<void> {
    const asked = this.#ask(question).end()
    asked.on('error', () => undefined) // that of a connection which we end ourselves
    await arrival
    asked.destroy()
  }

  /** Ends the connections that are not in use. */
  close(): void {
    this.#agent.destroy()
  }

  #ask(question: Question): ClientRequest {
    return request({ host: '127.0.0.1', port: this.#port, agent: this.#agent, ...question })
  }
}
