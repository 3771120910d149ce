const PARTS = 64

/**
 * A map by file names that grows without a halt. A `Map` that is full copies all it has in one go:
 * five milliseconds where it has 65,536 names. This one is many small ones.
 */
export class NameMap<Value> {
  readonly #parts: readonly Map<string, Value>[] = Array.from({ length: PARTS }, () => new Map())

  /** What is kept under a name, if anything is. */
  get(name: string): Value | undefined {
    return this.#partOf(name)?.get(name)
  }

  /** Keeps a value under a name, instead of what was there. */
  set(name: string, value: Value): void {
    this.#partOf(name)?.set(name, value)
  }

  /** Forgets a name. */
  delete(name: string): void {
    this.#partOf(name)?.delete(name)
  }

  /** Forgets all. */
  clear(): void {
    for (const part of this.#parts) part.clear()
  }

  #partOf(name: string): Map<string, Value> | undefined {
    let hash = 0
    // Every other character tells times apart well enough, and is half the work.
    for (let at = name.length & 1; at < name.length; at += 2)
      hash = (hash * 31 + name.charCodeAt(at)) | 0
    return this.#parts[(hash ^ (hash >>> 16)) & (PARTS - 1)]
  }
}
