import { expect } from 'chai'
import fs from 'fs-extra'
import { waitFor } from './run-program.js'

/** Where records are appended to. */
export interface Appendable {
  append(record: string): Promise<void>
}

/**
 * Appends numbered records to a log all the time, a few in each turn of the event loop, and knows
 * which of them were acknowledged: 1 to `acknowledged`.
 */
export class SteadyWriter {
  readonly #log: Appendable
  #acknowledged = 0
  #status: 'writing' | 'stopping' = 'writing'
  #ended: Promise<void>

  /** Begins at once. */
  constructor(log: Appendable) {
    this.#log = log
    this.#ended = this.#write()
    this.#ended.catch(() => undefined) // it is heard in `stop`
  }

  /** Number of the last record that was acknowledged. */
  get acknowledged(): number {
    return this.#acknowledged
  }

  /** Resolved when so many more records were acknowledged, all appended after the call. */
  async goesOn(records = 100): Promise<void> {
    const enough = this.#acknowledged + records
    await waitFor(`record ${enough}`, () => this.#acknowledged >= enough)
  }

  /** Resolved: every record is acknowledged. Returns how many there are. */
  async stop(): Promise<number> {
    this.#status = 'stopping'
    await this.#ended
    return this.#acknowledged
  }

  async #write(): Promise<void> {
    while (this.#status === 'writing') {
      const first = this.#acknowledged + 1
      const last = first + (first % 13)
      const batch: Promise<void>[] = []
      for (let number = first; number <= last; number++) {
        batch.push(this.#log.append(numbered(number)))
      }
      await Promise.all(batch)
      this.#acknowledged = last
      await new Promise(resolve => setImmediate(resolve))
    }
  }
}

/** The record with a number. */
export function numbered(number: number): string {
  return `${number} ${'record '.repeat(1 + (number % 11))}${number}\n`
}

/** The numbers of the records in a text, of which each line has to be a whole one. */
export function numbersIn(text: string): number[] {
  if (text === '') return []
  expect(text.endsWith('\n'), 'it ends at a line end').to.equal(true)
  return text
    .slice(0, -1)
    .split('\n')
    .map(line => {
      const number = Number(/^(\d+) /.exec(line)?.[1])
      expect(`${line}\n`, 'a whole record').to.equal(numbered(number))
      return number
    })
}

/** Expects files to have the records 1 to `last` together, each once, in order. */
export function expectAllIn(paths: readonly string[], last: number): void {
  const text = paths.map(path => fs.readFileSync(path, 'utf8')).join('')
  expectRange(numbersIn(text), 1, last)
}

/** Expects numbers to be those from the first to the last, each once, in order. */
export function expectRange(numbers: readonly number[], first: number, last: number): void {
  const wrong = numbers.findIndex((number, index) => number !== first + index)
  const around = numbers.slice(Math.max(0, wrong - 2), wrong + 3)
  expect(wrong, `out of order: … ${around.join(' ')} …`).to.equal(-1)
  expect(numbers).to.have.length(last - first + 1)
}
