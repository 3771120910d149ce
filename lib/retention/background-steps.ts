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
   * Resolved: done with all of these, or with some of them, so that the steps behind get their turn:
   * there is to be another pass. A backup that cannot be done is reported by the step itself, and
   * the rest are done all the same; what it throws ends the pass for this step.
   *
   * @param backups all there are on the disk, newest first.
   */
  run(backups: readonly Backup[]): Promise<'done' | 'more'>
}

/** What a pass needs, and where it tells of trouble. */
export interface BackgroundOwner {
  /** All backups as they are on the disk now, newest first. */
  list(): Promise<readonly Backup[]>
  failed(step: string, error: unknown): void
}

/**
 * Runs the steps over all backups, in their order, one at a time. Passes never overlap, and
 * requests that come while one waits are served by it together.
 */
export class BackgroundSteps {
  readonly #steps: readonly BackgroundStep[]
  readonly #owner: BackgroundOwner
  #last: Promise<void> = Promise.resolve()
  #waiting: Promise<void> | undefined
  #passes = 0

  constructor(steps: readonly BackgroundStep[], owner: BackgroundOwner) {
    this.#steps = steps
    this.#owner = owner
  }

  /** Resolved: a pass that began after this call is over. Never rejected. */
  request(): Promise<void> {
    if (!this.#waiting) {
      this.#passes++
      this.#waiting = this.#last = this.#last.then(() => this.#pass())
    }
    return this.#waiting
  }

  /** Whether no pass is under way, and none waits. */
  get isIdle(): boolean {
    return this.#passes === 0
  }

  /** Resolved: no pass is under way, and none waits. */
  async idle(): Promise<void> {
    while (this.#passes > 0) await this.#last
  }

  async #pass(): Promise<void> {
    this.#waiting = undefined
    for (const step of this.#steps) {
      try {
        const left = await step.run(await this.#owner.list())
        if (left === 'more') void this.request()
      } catch (error) {
        this.#owner.failed(step.name, error)
      }
    }
    this.#passes--
  }
}
