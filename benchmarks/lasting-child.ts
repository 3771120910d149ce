import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'

/** Far longer than any of the benchmarks takes. */
const TIMEOUT_MS = 1_800_000

/** A program in a process of its own, which lives on and does what it is asked, one after another. */
export class LastingChild {
  readonly #process: ChildProcess
  readonly #gone: Promise<never>

  /**
   * Starts the program.
   *
   * @param program gets messages `{ name, task }`, sends `{ answer }` for each, and ends when it is
   *   disconnected; what it says goes to our standard error.
   */
  constructor(program: URL) {
    this.#process = fork(program, {
      execArgv: ['--expose-gc'],
      env: { ...process.env, TZ: 'UTC' },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      timeout: TIMEOUT_MS,
    })
    this.#gone = once(this.#process, 'exit').then(([code, signal]) => {
      throw new Error(`${program.pathname} ended with ${code ?? signal}`)
    })
    this.#gone.catch(() => undefined) // whoever asks hears of it
  }

  /**
   * Asks for something, and waits for the answer.
   *
   * @throws if the program ends before.
   */
  async ask(name: string, task: object = {}): Promise<unknown> {
    this.#process.send({ name, task }, () => undefined) // where that fails, it has ended
    const [message] = await Promise.race([once(this.#process, 'message'), this.#gone])
    return (message as { readonly answer?: unknown }).answer
  }

  /** Ends the program. */
  async end(): Promise<void> {
    if (this.#process.connected) this.#process.disconnect()
    await this.#gone.catch(() => undefined)
  }
}
