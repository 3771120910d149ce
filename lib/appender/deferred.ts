/** A promise that its maker settles: one for all the records of a batch. */
export class Deferred {
  readonly promise: Promise<void>
  /** Keeps the promise. */
  resolve!: () => void
  /** Breaks it. */
  reject!: (error: Error) => void

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
  }
}
