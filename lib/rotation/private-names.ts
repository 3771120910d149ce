import { privatePath } from '../backup/private-name.js'
import { sameFile, type Disk, type FileStatus } from '../platform/disk.js'

/** A rotated file, and the number of the private name that it still has. */
interface Rotated {
  readonly file: FileStatus
  readonly number: number
}

/**
 * The private names of a log's files. A rotated file keeps its own until its records and its
 * backup name are on stable storage: until then it is the one name that power loss cannot take,
 * and tells that the end of the file may be torn. So there may be several at a time.
 */
export class PrivateNames {
  readonly #disk: Disk
  readonly #path: string
  /** In the order of their rotations. */
  #rotated: Rotated[] = []
  /** The number given last, or seen, since none above the first was in use. */
  #last = 0
  /** Of rotations that did not end: a crash, or an error, came in between. */
  readonly #leftovers = new Set<number>()

  /** @param path the active file. */
  constructor(disk: Disk, path: string) {
    this.#disk = disk
    this.#path = path
  }

  /** Numbers of rotations that are to be finished. */
  get leftovers(): number[] {
    return [...this.#leftovers]
  }

  /**
   * The number of a name at which nothing stands, after those of the rotations before. One that was
   * free again may be there again after power loss, so numbers above the first are given but once.
   */
  next(): number {
    do this.#last++
    while (this.#disk.lstat(privatePath(this.#path, this.#last)))
    return this.#last
  }

  /** A file was rotated, and has this name besides its own. */
  add(file: FileStatus, number: number): void {
    this.#rotated.push({ file, number })
  }

  /** A rotation is to be finished. */
  leave(number: number): void {
    this.#last = Math.max(this.#last, number)
    if (!this.#rotated.some(rotated => rotated.number === number)) this.#leftovers.add(number)
  }

  /** A rotation is finished. */
  forget(number: number): void {
    this.#leftovers.delete(number)
    this.#beginAgain()
  }

  /** Whether a file still has such a name. */
  has(file: FileStatus): boolean {
    return (
      this.#rotated.some(rotated => sameFile(rotated.file, file)) ||
      this.leftovers.some(number => {
        const left = this.#disk.lstat(privatePath(this.#path, number))
        return left !== undefined && sameFile(left, file)
      })
    )
  }

  /**
   * Frees the names of a file and of those rotated before it.
   *
   * @param file as it was handed to `add`; on stable storage, like those before it, and so are their
   *   names.
   * @throws what the file system throws; the names that are left go the next time.
   */
  release(file: FileStatus): void {
    const last = this.#rotated.findIndex(rotated => rotated.file === file)
    for (let left = last + 1; left > 0; left--) {
      const [oldest] = this.#rotated
      if (!oldest) break
      this.#unlink(oldest)
      this.#rotated.shift()
      this.#beginAgain()
    }
  }

  #beginAgain(): void {
    const isFree = this.#rotated.length === 0 && this.#leftovers.size === 0
    if (isFree && this.#last === 1) this.#last = 0
  }

  #unlink({ file, number }: Rotated): void {
    const path = privatePath(this.#path, number)
    const left = this.#disk.lstat(path)
    if (left && sameFile(left, file)) this.#disk.unlink(path)
  }
}
