import { dirname, join, sep } from 'node:path'
import { isStrangers } from '../platform/directory-access.js'
import type { DirectoryEntry, Disk } from '../platform/disk.js'
import { TimeSlice } from '../platform/time-slice.js'
import { ARCHIVE_EXTENSION, NameReader } from './backup-name.js'
import { archivePath, type Backup } from './backup.js'
import { HOLD_EXTENSION, readHold } from './hold.js'
import { NameMap } from './name-map.js'
import { mergeNewestFirst, sortNewestFirst } from './newest-first.js'
import { privateNumber } from './private-name.js'

/** What a log has beside its active file. */
export interface Listing {
  /** Newest first. As long as nothing is new about a backup, it is the same object each time. */
  readonly backups: readonly Backup[]
  /** Holds of backups that are not there; absolute paths. */
  readonly strayHolds: readonly string[]
  /** Archives in the making, or what a crash left of them; absolute paths. */
  readonly temporaries: readonly string[]
  /** Numbers of the private names of rotations that have not ended. */
  readonly privateNumbers: readonly number[]
  /** What has the name of a backup, but was made by strangers (`isStrangers`); absolute paths. */
  readonly strangers: readonly string[]
}

/** A backup that was looked at. */
interface Known {
  backup: Backup
  /** The reading in which it was seen last. */
  reading: number
}

/** A file that holds a backup. */
interface Hold {
  readonly path: string
  /** Names that the backup may have now. */
  readonly names: readonly string[]
}

/** What one reading of the directory found. */
interface Reading {
  /** Names of backups that were not there before. */
  readonly fresh: string[]
  readonly holds: Hold[]
  readonly temporaries: string[]
  readonly privateNumbers: number[]
}

const NOTHING: Listing = {
  backups: [],
  strayHolds: [],
  temporaries: [],
  privateNumbers: [],
  strangers: [],
}

/** Ending of an archive in the making, which has a dot before its name too. */
const TEMPORARY_EXTENSION = `${ARCHIVE_EXTENSION}.tmp`

/** Sizes of backups seen before that are looked at again in one reading: about 1 ms in all. */
const LOOKS_AGAIN = 500

/**
 * The list of a log's backups. It is read from the directory each time that it is asked for, since
 * others may make and delete files; a file that was seen before is not looked at again, or only
 * some of them each time, which makes reading three times as fast.
 *
 * Foreign files are passed over; so is what vanishes. It works in slices, however many there
 * are.
 */
export class Catalogue {
  readonly #disk: Disk
  readonly #path: string
  readonly #names: NameReader
  readonly #directory: string
  /** The directory, with a separator at its end. */
  readonly #prefix: string
  readonly #known = new NameMap<Known>()
  /** Newest first; a backup and its archive are two. */
  #sorted: readonly Known[] = []
  #reasons: ReadonlyMap<Known, string> = new Map()
  #readings = 0
  /** Where looking again goes on. */
  #lookAt = 0
  #listing = NOTHING
  #last: Promise<unknown> = Promise.resolve()

  /** @param path the active file. */
  constructor(disk: Disk, path: string) {
    this.#disk = disk
    this.#path = path
    this.#names = new NameReader(path)
    this.#directory = dirname(path)
    this.#prefix = join(this.#directory, sep)
  }

  /** Reads the directory. Rejected with what the system says. */
  list(): Promise<Listing> {
    const listed = this.#last.then(() => this.#list())
    this.#last = listed.catch(() => undefined)
    return listed
  }

  async #list(): Promise<Listing> {
    try {
      return (this.#listing = await this.#look())
    } catch (error) {
      this.#forgetAll() // what was half read would be taken for known
      throw error
    }
  }

  #forgetAll(): void {
    this.#known.clear()
    this.#sorted = []
    this.#reasons = new Map()
    this.#listing = NOTHING
  }

  async #look(): Promise<Listing> {
    const slice = new TimeSlice()
    this.#readings++
    const { fresh, holds, temporaries, privateNumbers } = await this.#read(slice)
    const strangers: string[] = []
    let isNew = await this.#lookAgain(slice)
    isNew = (await this.#forgetUnseen(fresh, slice)) || isNew
    if (fresh.length > 0) {
      const names = await sortNewestFirst(fresh, isNewerName, slice)
      const files = await this.#lookAtFiles(names, strangers, slice)
      this.#sorted = await mergeNewestFirst(this.#sorted, files, isNewer, slice)
      isNew ||= files.length > 0
    }
    const { reasons, strayHolds } = await this.#readHolds(holds, slice)
    isNew = this.#applyHolds(reasons) || isNew
    const backups = isNew ? await this.#withoutTwins(slice) : this.#listing.backups
    return { backups, strayHolds, temporaries, privateNumbers, strangers }
  }

  /** Reads the names of the directory. */
  async #read(slice: TimeSlice): Promise<Reading> {
    const reading: Reading = { fresh: [], holds: [], temporaries: [], privateNumbers: [] }
    for await (const entries of this.#disk.entries(this.#directory)) {
      for (const entry of entries) {
        if (slice.isOver) await slice.next()
        this.#readEntry(entry, reading)
      }
    }
    return reading
  }

  #readEntry({ name, regular }: DirectoryEntry, reading: Reading): void {
    const known = this.#known.get(name)
    if (regular === false && !name.endsWith(HOLD_EXTENSION)) return
    if (known) {
      known.reading = this.#readings
      return
    }
    if (this.#names.read(name)) reading.fresh.push(name)
    else this.#readOther(name, reading)
  }

  #readOther(name: string, { holds, temporaries, privateNumbers }: Reading): void {
    if (name.endsWith(HOLD_EXTENSION)) {
      const names = this.#namesOf(name.slice(0, -HOLD_EXTENSION.length))
      if (names) holds.push({ path: this.#prefix + name, names })
    } else if (name.startsWith('.') && name.endsWith(TEMPORARY_EXTENSION)) {
      const source = this.#names.read(name.slice(1, -TEMPORARY_EXTENSION.length))
      if (source?.archived === false) temporaries.push(this.#prefix + name)
    } else {
      const number = privateNumber(this.#path, name)
      if (number !== undefined) privateNumbers.push(number)
    }
  }

  /**
   * Looks at files whose names are new, and leaves out what is none. In their order, since then they
   * lie in memory like that too, and a policy that walks over all of them is several times faster.
   */
  async #lookAtFiles(
    names: readonly string[],
    strangers: string[],
    slice: TimeSlice,
  ): Promise<Known[]> {
    const files: Known[] = []
    const directory = this.#disk.stat(this.#directory)
    const active = this.#disk.lstat(this.#path)
    for (const name of names) {
      if (slice.isOver) await slice.next()
      const status = this.#disk.lstat(this.#prefix + name)
      if (!status?.isFile() || this.#known.get(name)) continue // told twice by the directory
      if (isStrangers(status, directory, active)) {
        strangers.push(this.#prefix + name)
        continue
      }
      const known = { backup: this.#backupOf(name, status.size), reading: this.#readings }
      this.#known.set(name, known)
      files.push(known)
    }
    return files
  }

  /** A name of a backup, and the one that it has when it is compressed, or had before. */
  #namesOf(name: string): string[] | undefined {
    const parsed = this.#names.read(name)
    if (!parsed) return undefined
    const other = parsed.archived
      ? name.slice(0, -ARCHIVE_EXTENSION.length)
      : name + ARCHIVE_EXTENSION
    return [name, other]
  }

  /**
   * Sizes of backups should not change, nor a `Date` that somebody was handed, which cannot be frozen.
   * Some are looked at again all the same, in turns.
   */
  async #lookAgain(slice: TimeSlice): Promise<boolean> {
    let isChanged = false
    for (let looks = Math.min(LOOKS_AGAIN, this.#sorted.length); looks > 0; looks--) {
      if (slice.isOver) await slice.next()
      const known = this.#sorted[this.#lookAt++ % this.#sorted.length]
      if (!known || !this.#isSeen(known)) continue
      const { name, time, bytes, held } = known.backup
      const status = this.#disk.lstat(this.#prefix + name)
      if (!status?.isFile()) known.reading = 0
      else if (status.size !== bytes || time.getTime() !== this.#names.read(name)?.timeMs) {
        known.backup = this.#backupOf(name, status.size, held)
        isChanged = true
      }
    }
    return isChanged
  }

  #isSeen(known: Known): boolean {
    return known.reading === this.#readings
  }

  /**
   * A directory that changes while it is read may show neither the old name of a file nor its new
   * one: a backup that was not seen may have become an archive. Returns whether there was anything to
   * forget.
   */
  async #forgetUnseen(fresh: string[], slice: TimeSlice): Promise<boolean> {
    const seen: Known[] = []
    for (const known of this.#sorted) {
      if (slice.isOver) await slice.next()
      if (this.#isSeen(known)) {
        seen.push(known)
        continue
      }
      const { name, archived } = known.backup
      this.#known.delete(name)
      const archive = name + ARCHIVE_EXTENSION
      if (!archived && this.#stands(archive) && !this.#known.get(archive)) fresh.push(archive)
    }
    if (seen.length === this.#sorted.length) return false
    this.#sorted = seen
    return true
  }

  /** A hold counts for a backup and for its archive alike. */
  async #readHolds(
    holds: readonly Hold[],
    slice: TimeSlice,
  ): Promise<{ reasons: Map<Known, string>; strayHolds: string[] }> {
    const reasons = new Map<Known, string>()
    const strayHolds: string[] = []
    for (const { path, names } of holds) {
      if (slice.isOver) await slice.next()
      const held = names.map(name => this.#known.get(name)).filter(known => !!known)
      if (held.length === 0 && !names.some(name => this.#stands(name))) strayHolds.push(path)
      else for (const known of held) reasons.set(known, readHold(this.#disk, path))
    }
    return { reasons, strayHolds }
  }

  #stands(name: string): boolean {
    return this.#disk.lstat(this.#prefix + name)?.isFile() === true
  }

  /** Returns whether one was held, released, or held for another reason. */
  #applyHolds(reasons: ReadonlyMap<Known, string>): boolean {
    let isNew = false
    for (const known of [...this.#reasons.keys(), ...reasons.keys()]) {
      const why = reasons.get(known)
      const { name, bytes, held } = known.backup
      if (held === why) continue
      known.backup = this.#backupOf(name, bytes, why)
      isNew = true
    }
    this.#reasons = reasons
    return isNew
  }

  /** An archive beside its source is half-made, or its source half-removed: the pair counts once. */
  async #withoutTwins(slice: TimeSlice): Promise<readonly Backup[]> {
    const backups: Backup[] = []
    let newer: Backup | undefined
    for (const { backup } of this.#sorted) {
      if (slice.isOver) await slice.next()
      // Of two with one time the archive comes first.
      if (newer?.archived && !backup.archived && archivePath(backup) === newer.path) backups.pop()
      backups.push(backup)
      newer = backup
    }
    return Object.freeze(backups)
  }

  #backupOf(name: string, bytes: number, held?: string): Backup {
    const { timeMs = NaN, archived = false } = this.#names.read(name) ?? {}
    const backup = { path: this.#prefix + name, name, time: new Date(timeMs), bytes, archived }
    return Object.freeze(held === undefined ? backup : { ...backup, held })
  }
}

/** Names of one log sort as the times in them do. */
function isNewerName(one: string, other: string): boolean {
  return one > other
}

function isNewer(one: Known, other: Known): boolean {
  return one.backup.name > other.backup.name
}

/** Lists a log's backups, newest first. Rejected with what the system says. */
export async function listBackups(disk: Disk, path: string): Promise<readonly Backup[]> {
  return (await new Catalogue(disk, path).list()).backups
}
