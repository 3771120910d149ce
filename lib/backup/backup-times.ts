import { dirname } from 'node:path'
import type { Disk, NameScan } from '../platform/disk.js'
import type { Backup } from './backup.js'
import { NameReader } from './backup-name.js'
import { privateNumber } from './private-name.js'

/** Pieces of a directory that are read in one go: about 2000 names, in a millisecond. */
const PIECES_AT_ONCE = 4

/** What is known of the files of a log, from a listing of its directory. */
export interface KnownFiles {
  /** All there are, newest first. */
  readonly backups: readonly Backup[]
  /** Of the private names that are there. */
  readonly privateNumbers: readonly number[]
}

/**
 * When a log's backups were closed: what a rotation has to know, for a name that sorts after them.
 *
 * The first listing of the directory tells. A rotation that comes before it reads the directory
 * itself, and holds nobody up: a piece each time that it asks. All but very large directories are
 * one piece.
 */
export class BackupTimes {
  readonly #disk: Disk
  readonly #directory: string
  readonly #names: NameReader
  readonly #path: string
  readonly #leftover: (number: number) => void
  /** Read from the directory, before there was a listing. */
  #scanned: number[] = []
  #listed: readonly Backup[] = []
  /** Of rotations that no listing has shown yet. */
  #added: number[] = []
  #status: 'unknown' | 'known' = 'unknown'
  #newest: number | undefined
  #scan: NameScan | undefined

  /**
   * @param path the active file.
   * @param leftover is told the numbers of private names, until all times are known.
   */
  constructor(disk: Disk, path: string, leftover: (number: number) => void) {
    this.#disk = disk
    this.#path = path
    this.#leftover = leftover
    this.#directory = dirname(path)
    this.#names = new NameReader(path)
  }

  /** Time of the newest backup, in milliseconds; undefined where there is none, or none known. */
  get newest(): number | undefined {
    return this.#newest
  }

  /**
   * Reads on, until all are known.
   *
   * @returns whether they are.
   * @throws what reading the directory throws; the next call begins anew.
   */
  look(): boolean {
    if (this.#status === 'known') return true
    try {
      this.#scan ??= this.#disk.scan(this.#directory)
      for (let piece = 0; piece < PIECES_AT_ONCE; piece++) {
        const names = this.#scan.next()
        if (!names) {
          this.#scan = undefined
          this.#status = 'known'
          return true
        }
        for (const name of names) this.#addName(name)
      }
      return false
    } catch (error) {
      this.#scanned = []
      this.stop()
      throw error
    }
  }

  /** A rotation made one. */
  add(time: number): void {
    this.#added.push(time)
    this.#see(time)
  }

  /**
   * Learns from a listing.
   *
   * @returns whether the times were not known before.
   */
  learn({ backups, privateNumbers }: KnownFiles): boolean {
    const isNew = this.#status === 'unknown'
    if (isNew) for (const number of privateNumbers) this.#leftover(number)
    this.#status = 'known'
    this.stop()
    const newest = backups[0]?.time.getTime()
    if (newest !== undefined) this.#see(newest)
    this.#scanned = []
    this.#listed = backups
    this.#added = this.#added.filter(time => !(time <= (newest ?? -Infinity)))
    return isNew
  }

  /** All that were seen, perhaps also of backups that are gone by now; newest first. */
  newestFirst(): number[] {
    const listed = this.#listed.map(({ time }) => time.getTime())
    return [...this.#added, ...this.#scanned, ...listed].toSorted((one, other) => other - one)
  }

  /** Leaves the directory, if it is being read. */
  stop(): void {
    this.#scan?.close()
    this.#scan = undefined
  }

  #addName(name: string): void {
    const time = this.#names.read(name)?.timeMs
    if (time === undefined) {
      const number = privateNumber(this.#path, name)
      if (number !== undefined) this.#leftover(number)
      return
    }
    this.#scanned.push(time)
    this.#see(time)
  }

  #see(time: number): void {
    if (!(time <= (this.#newest ?? -Infinity))) this.#newest = time
  }
}
