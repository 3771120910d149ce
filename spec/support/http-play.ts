import type { IncomingMessage, ServerResponse } from 'node:http'
import { expect } from 'chai'
import { NO_ANSWER, type HttpAnswer } from './http-answer.js'
import { openSession, openStream, RawClient, streamAnswer, type Door } from './http-client.js'
import type { HttpLog } from './http-log.js'
import { untilGone, type HttpScenario, type Scene } from './http-scenarios.js'
import type { Listener, RunningServer } from './http-servers.js'
import { waitFor } from './run-program.js'

/** A client that asks a question, once. */
interface Asker {
  readonly answer: Promise<HttpAnswer>
  /** What came so far. */
  code(): number | undefined
  leave(): void
  /** Ends what is left of it. */
  end(): void
}

/** A scenario on a stage: the listener of the server, and the play. */
export interface Play {
  readonly listener: Listener
  /**
   * Plays it. Expects that the client sees the code of the scenario, and that the log has one line
   * of the request and one of the response, with the code that the client saw.
   */
  readonly run: (server: RunningServer, version: 1 | 2) => Promise<HttpAnswer>
}

/** Sets a scenario up. */
export function stage(scenario: HttpScenario, log: HttpLog): Play {
  let asker: Asker | undefined
  const scene: Scene = {
    async dismiss(response) {
      await waitFor('a client', () => asker !== undefined)
      asker?.leave()
      await untilGone(response)
    },
    heard: () => waitFor('the header', () => asker?.code() !== undefined),
    logged: () => log.answered(1),
  }
  const failures: unknown[] = []
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    Promise.resolve()
      .then(() => scenario.handle(request, response, scene))
      .catch((error: unknown) => {
        failures.push(error)
        response.destroy()
      })
  }
  const run = async (server: RunningServer, version: 1 | 2): Promise<HttpAnswer> => {
    asker = await (version === 1 ? askByHttp1 : askByHttp2)(server, scenario)
    const answer = await asker.answer
    await log.answered(1)
    asker.end()
    await server.stop()
    expect(failures).to.deep.equal([])
    const { code } = scenario
    expect(answer.code, 'what the client saw').to.equal(code)
    const [pair, ...others] = log.pairs()
    expect(pair?.code, 'what was logged').to.equal(code ?? 499)
    expect(others).to.deep.equal([])
    const echoed = code === undefined || scenario.id ? undefined : pair?.request.id
    expect(answer.headers['audit-id']).to.equal(echoed)
    scenario.expect?.(answer)
    return answer
  }
  return { listener, run }
}

async function askByHttp1(door: Door, { question }: HttpScenario): Promise<Asker> {
  const client = await RawClient.open(door)
  client.ask(question)
  return {
    answer: client.answered().then(([answer]) => answer ?? NO_ANSWER),
    code: () => client.answers()[0]?.code,
    leave: () => client.socket.destroy(),
    end: () => client.socket.destroy(),
  }
}

async function askByHttp2(door: Door, { question }: HttpScenario): Promise<Asker> {
  const session = await openSession(door)
  const stream = openStream(session, question)
  let code: number | undefined
  stream.on('response', headers => (code = Number(headers[':status'])))
  return {
    answer: streamAnswer(stream),
    code: () => code,
    leave: () => stream.close(8), // CANCEL
    end: () => session.destroy(),
  }
}
