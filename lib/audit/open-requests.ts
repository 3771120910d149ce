/** How much is remembered: a server with more requests at a time forgets the oldest. */
const REQUESTS_MAX = 100_000
const UNITS_MAX = 64 * 1024 * 1024

/** What an event of a response says again: the fields of its request, and when that came. */
export interface OpenRequest {
  /** The members of the event that are those of the request, as JSON. */
  readonly members: string
  /** When the request came, as JSON. */
  readonly receivedAt: string
}

/**
 * Remembers requests by their ids until they are answered. It never holds more than so many, nor
 * more text than so much: then the oldest is forgotten.
 */
export class OpenRequests {
  readonly #requestsMax: number
  readonly #unitsMax: number
  /** By id, each in the order of arrival: an id that a client gives may come twice at a time. */
  readonly #byId = new Map<string, OpenRequest[]>()
  #count = 0
  #units = 0

  /** @param limits how many requests, and how much text in UTF-16 units; by default 100,000, 64 Mi. */
  constructor(limits: { readonly requests?: number; readonly units?: number } = {}) {
    this.#requestsMax = limits.requests ?? REQUESTS_MAX
    this.#unitsMax = limits.units ?? UNITS_MAX
  }

  /** How many are remembered. */
  get size(): number {
    return this.#count
  }

  /** Remembers a request, and forgets the oldest for it if need be. */
  add(id: string, request: OpenRequest): void {
    const same = this.#byId.get(id)
    if (same === undefined) this.#byId.set(id, [request])
    else same.push(request)
    this.#count++
    this.#units += unitsOf(id, request)
    while (this.#count > this.#requestsMax || this.#units > this.#unitsMax) this.#forgetOldest()
  }

  /** The oldest request with this id, which stays remembered; undefined if there is none. */
  get(id: string): OpenRequest | undefined {
    return this.#byId.get(id)?.[0]
  }

  /** The oldest request with this id, which is forgotten; undefined if there is none. */
  take(id: string): OpenRequest | undefined {
    const same = this.#byId.get(id)
    const request = same?.shift()
    if (same === undefined || request === undefined) return undefined
    if (same.length === 0) this.#byId.delete(id)
    this.#count--
    this.#units -= unitsOf(id, request)
    return request
  }

  /** Of the id that was there first; so with an id that came twice, the second goes early. */
  #forgetOldest(): void {
    for (const id of this.#byId.keys()) {
      this.take(id)
      return
    }
  }
}

function unitsOf(id: string, { members, receivedAt }: OpenRequest): number {
  return id.length + members.length + receivedAt.length
}
