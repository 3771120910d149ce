import type { Backup } from '../backup/backup.js'

/**
 * Work on closed files, off the way of a record: seal, archive, ship, prune.
 *
 * A step is handed all backups, newest first, brings each to the state that the step is for, and
 * passes over those that are there already. It tells them apart by what is on the disk alone, so a
 * crash at any point is made good by the next pass.
 */
export interface BackgroundStep {
  /** In a word, for reports. */
  readonly name: string
  /**
   * Resolved: done with all of these. A backup that cannot be done is reported by the step itself,
   * and the rest are done all the same; what it throws ends the pass for this step.
   */
  run(backups: readonly Backup[]): Promise<void>
}

/** What a pass needs, and where it tells of trouble. */
export interface BackgroundOwner {
  /** All backups as they are on the disk now, newest first. */
  list(): Promise<Backup[]>
  failed(step: string, error: unknown): void
}

/**
 * Runs the steps over all backups, in their order, one at a time. Passes never overlap, and
 * requests that come while one waits are served by it together.
 */
export class BackgroundSteps {
  readonly #steps: readonly BackgroundStep[]
  readonly #owner: BackgroundOwner
  #last: Promise<unknown> = Promise.resolve()
  #waiting: Promise<void> | undefined
  #jobs = 0

  constructor(steps: readonly BackgroundStep[], owner: BackgroundOwner) {
    this.#steps = steps
    this.#owner = owner
  }

  /** Resolved: a pass that began after this call is over. Never rejected. */
  request(): Promise<void> {
    this.#waiting ??= this.exclusively(() => {
      this.#waiting = undefined
      return this.#pass()
    })
    return this.#waiting
  }

  /** Runs other work between passes; resolved or rejected as that is. */
  exclusively<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#jobs++
    const done = this.#last.then(work)
    this.#last = done.then(
      () => this.#jobs--,
      () => this.#jobs--,
    )
    return done
  }

  /** Whether nothing is under way, and nothing waits. */
  get isIdle(): boolean {
    return this.#jobs === 0
  }

  /** Resolved: nothing is under way, and nothing waits. */
  async idle(): Promise<void> {
    while (this.#jobs > 0) await this.#last
  }

  async #pass(): Promise<void> {
    for (const step of this.#steps) {
      try {
        await step.run(await this.#owner.list())
      } catch (error) {
        this.#owner.failed(step.name, error)
      }
    }
  }
}
