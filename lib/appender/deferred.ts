/**
 * A promise that its maker settles: one for all the records of a batch. When it is rejected and
 * nobody listens, that is no unhandled rejection: events have told of the loss, and an audit log
 * must not bring its host down.
 */
export class Deferred {
  readonly promise: Promise<void>
  /** Keeps the promise. */
  resolve!: () => void
  /** Breaks it. */
  reject!: (error: Error) => void

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = error => {
        this.promise.catch(() => undefined)
        reject(error)
      }
    })
  }
}
