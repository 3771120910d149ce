import {
  apply,
  directoryNode,
  fileNode,
  type DirectoryNode,
  type FileNode,
  ForgetfulDisk,
  type ForgetfulDiskOptions,
  type LinkNode,
  type Node,
  type NodeStatus,
  type Operation,
} from './forgetful-disk.js'

/** Data is lost in pieces of so many bytes: the smallest that a disk writes as one. */
export const PIECE_BYTES = 512

/**
 * What a file system may make of unsynced operations:
 *
 * - `'journal'` keeps the first so many, of the whole file system, as its journal has them.
 * - `'causes'` keeps any of them, as long as none is kept without those before it that made its
 *   names what they were: where it comes from, where it goes to, and what a link is made of. Each
 *   is atomic (a rename is all or nothing). POSIX promises nothing of the order.
 * - `'subset'` is the same, but that a link may be kept without what made its source: the names of
 *   one inode are lost each for itself.
 * - `'each name'` gives each name any of the states that it had, whatever others have; a rename may
 *   be half done. No file system in use does so; it tells how much is asked of one.
 */
export type NamesModel = 'journal' | 'causes' | 'subset' | 'each name'

/**
 * Which of the unsynced operations on directories are kept; they are numbered in their order.
 *
 * - `'none'`, `'all'`; `{ first }` so many.
 * - `{ forget }` all but one, and what depends on it; `{ keep }` only one, and what it depends on.
 * - `{ seed }` at random, of all that the model allows.
 */
export type NamesLoss =
  | 'none'
  | 'all'
  | { readonly first: number }
  | { readonly forget: number; readonly of: 'causes' | 'subset' }
  | { readonly keep: number; readonly of: 'causes' | 'subset' }
  | { readonly seed: number; readonly of: NamesModel }

/**
 * What is left of unsynced data: nothing of it; all; none of the data, but the size (zeros, as after
 * a delayed allocation); or, at random, each piece as it was at any moment, and a size between.
 */
export type DataLoss = 'old' | 'new' | 'zeros' | { readonly seed: number }

/** How much a power loss takes, of what it may take. */
export interface Loss {
  readonly names: NamesLoss
  readonly data: DataLoss
}

/** What a file was at the moment of a snapshot. */
type FrozenFile = Readonly<Pick<FileNode, 'bytes' | 'size' | 'durableBytes' | 'sizes' | 'formerly'>>

interface FrozenDirectory {
  readonly durable: ReadonlyMap<string, Node>
  readonly pending: readonly Operation[]
}

/**
 * A disk at one moment, with all that is and is not on stable storage; the disk itself goes on. Any
 * number of power losses can be made of it.
 */
export class Snapshot {
  readonly #files = new Map<FileNode, FrozenFile>()
  readonly #directories = new Map<DirectoryNode, FrozenDirectory>()
  readonly #root: DirectoryNode
  readonly #operations: readonly Operation[]
  readonly #durableOperations: number

  constructor(disk: ForgetfulDisk) {
    this.#root = disk.root
    this.#durableOperations = disk.durableOperations
    this.#freeze(disk.root)
    const pending = [...this.#directories.values()].flatMap(directory => directory.pending)
    this.#operations = pending.sort((one, other) => one.order - other.order)
  }

  /** How many operations on directories are not synced, in words and in their order. */
  get operations(): readonly string[] {
    return this.#operations.map(
      ({ call, changes }) => `${call} ${changes.map(([name]) => name).join(' ')}`,
    )
  }

  /** Whether any data is not synced. */
  get hasUnsyncedData(): boolean {
    return [...this.#files.values()].some(
      ({ size, durableBytes, formerly }) => size > durableBytes || formerly,
    )
  }

  /** Which operations a loss keeps, by their places: losses with the same ones do the same. */
  keptBy(names: NamesLoss): string {
    if (typeof names === 'object' && 'seed' in names && names.of === 'each name') {
      return `each name, seed ${names.seed}`
    }
    const kept = new Set(this.#kept(names))
    return this.#operations.map(operation => (kept.has(operation) ? '1' : '0')).join('')
  }

  /** A new disk with what is left. Files without a name are gone, and no descriptor is open. */
  powerLoss(loss: Loss, options: Omit<ForgetfulDiskOptions, 'root'> = {}): ForgetfulDisk {
    const { names, data } = loss
    const entries = this.#entriesAfter(names)
    const random = typeof data === 'object' ? randomNumbers(data.seed) : () => 0
    const made = new Map<Node, Node>()
    let inodes = 1
    const make = (node: Node): Node => {
      const there = made.get(node)
      if (there) {
        there.status.nlink++
        return there
      }
      // A number may be in use again whose file was only gone for the time being.
      const status = { ...node.status, ino: ++inodes, nlink: 1 }
      const copy = this.#remake(node, status, entries, make, data, random)
      made.set(node, copy)
      return copy
    }
    const root = make(this.#root)
    if (root.kind !== 'directory') throw new Error('the root is a directory')
    return new ForgetfulDisk({ ...options, root })
  }

  #freeze(node: Node): void {
    if (node.kind === 'file') {
      if (this.#files.has(node)) return
      const { bytes, size, durableBytes, sizes, formerly } = node
      this.#files.set(node, { bytes, size, durableBytes, sizes: sizes.slice(), formerly })
    }
    if (node.kind !== 'directory' || this.#directories.has(node)) return
    const { durable, pending } = node
    this.#directories.set(node, { durable: new Map(durable), pending: pending.slice() })
    for (const child of durable.values()) this.#freeze(child)
    for (const { changes } of pending)
      for (const [, child] of changes) if (child) this.#freeze(child)
  }

  #remake(
    node: Node,
    status: NodeStatus,
    entries: ReadonlyMap<DirectoryNode, ReadonlyMap<string, Node>>,
    make: (node: Node) => Node,
    data: DataLoss,
    random: () => number,
  ): Node {
    if (node.kind === 'link') return { kind: 'link', status } satisfies LinkNode
    if (node.kind === 'file') {
      const frozen = this.#files.get(node)
      if (!frozen) throw new Error('a file that nobody has seen')
      return fileNode(status, contentAfter(frozen, data, random))
    }
    const children = new Map<string, Node>()
    for (const [name, child] of entries.get(node) ?? []) children.set(name, make(child))
    return directoryNode(status, children)
  }

  #entriesAfter(names: NamesLoss): Map<DirectoryNode, Map<string, Node>> {
    const entries = new Map<DirectoryNode, Map<string, Node>>()
    for (const [node, { durable }] of this.#directories) entries.set(node, new Map(durable))
    const into = ({ directory }: Operation): Map<string, Node> =>
      entries.get(directory) ?? new Map()
    if (typeof names === 'object' && 'seed' in names && names.of === 'each name') {
      for (const operation of this.#eachName(names.seed)) apply(operation, into(operation))
    } else {
      for (const operation of this.#kept(names)) apply(operation, into(operation))
    }
    return entries
  }

  /** The operations that are kept. */
  #kept(names: NamesLoss): Operation[] {
    const all = this.#operations
    if (names === 'none') return []
    if (names === 'all') return all.slice()
    if ('first' in names) return this.#first(names.first)
    if ('forget' in names) return withGround(all, names.of, index => index !== names.forget)
    if ('keep' in names) {
      const needed = groundOf(all, names.of, names.keep)
      return all.filter((_, index) => needed.has(index))
    }
    const random = randomNumbers(names.seed)
    if (names.of === 'journal') return this.#first(Math.floor(random() * (all.length + 1)))
    const share = [0.5, 0.8, 0.95][Math.floor(random() * 3)] ?? 0.5
    const wanted = all.map(() => random() < share)
    return withGround(all, names.of, index => wanted[index] ?? false)
  }

  /** A journal has all that came before anything that it has. */
  #first(count: number): Operation[] {
    return this.#operations.filter(
      ({ order }, index) => index < count || order < this.#durableOperations,
    )
  }

  /** The operations cut up into their names, each name with its own past. */
  #eachName(seed: number): Operation[] {
    const random = randomNumbers(seed)
    const kept: Operation[] = []
    const ends = new Map<string, number>()
    const counts = new Map<string, number>()
    for (const { directory, changes } of this.#operations) {
      for (const [name] of changes) {
        const key = `${directory.status.ino}/${name}`
        counts.set(key, (counts.get(key) ?? 0) + 1)
      }
    }
    for (const [key, count] of counts) ends.set(key, Math.floor(random() * (count + 1)))
    for (const operation of this.#operations) {
      for (const change of operation.changes) {
        const key = `${operation.directory.status.ino}/${change[0]}`
        const left = ends.get(key) ?? 0
        ends.set(key, left - 1)
        if (left > 0) kept.push({ ...operation, changes: [change] })
      }
    }
    return kept
  }
}

/** Those of the wanted operations that stand on nothing that is forgotten. */
function withGround(
  all: readonly Operation[],
  model: NamesModel,
  isWanted: (index: number) => boolean,
): Operation[] {
  const lost = new Set<string>()
  return all.filter((operation, index) => {
    const isKept = isWanted(index) && !groundNames(operation, model).some(name => lost.has(name))
    if (!isKept) for (const name of changedNames(operation)) lost.add(name)
    return isKept
  })
}

/** An operation and all that it depends on, by their places. */
function groundOf(all: readonly Operation[], model: NamesModel, index: number): Set<number> {
  const ground = new Set<number>()
  const names = new Set<string>()
  for (let at = index; at >= 0; at--) {
    const operation = all[at]
    if (!operation) continue
    if (at !== index && !changedNames(operation).some(name => names.has(name))) continue
    ground.add(at)
    for (const name of groundNames(operation, model)) names.add(name)
  }
  return ground
}

/** Names whose past an operation depends on. */
function groundNames(operation: Operation, model: NamesModel): string[] {
  const { reads } = operation
  const changed = changedNames(operation)
  return reads === undefined || model !== 'causes' ? changed : [...changed, keyOf(operation, reads)]
}

function changedNames(operation: Operation): string[] {
  return operation.changes.map(([name]) => keyOf(operation, name))
}

function keyOf({ directory }: Operation, name: string): string {
  return `${directory.status.ino}/${name}`
}

/** What is left of a file. */
function contentAfter(file: FrozenFile, data: DataLoss, random: () => number): Buffer {
  const { bytes, size, durableBytes, sizes, formerly } = file
  if (formerly && data !== 'new' && (typeof data === 'string' || random() < 0.5)) return formerly
  if (data === 'new' || size === durableBytes) return Buffer.from(bytes.subarray(0, size))
  if (data === 'old') return Buffer.from(bytes.subarray(0, durableBytes))
  if (data === 'zeros') {
    const zeros = Buffer.alloc(size)
    bytes.copy(zeros, 0, 0, durableBytes)
    return zeros
  }
  const states = [durableBytes, ...sizes]
  const any = (): number => states[Math.floor(random() * states.length)] ?? size
  const content = Buffer.alloc(anySize(durableBytes, size, any, random))
  for (let start = 0; start < content.length; start += PIECE_BYTES) {
    const end = Math.min(Math.max(durableBytes, any()), start + PIECE_BYTES, content.length)
    if (end > start) bytes.copy(content, start, start, end)
  }
  return content
}

/** Sizes after a write, at the edge of a piece, and others. */
function anySize(
  durableBytes: number,
  size: number,
  any: () => number,
  random: () => number,
): number {
  const kind = Math.floor(random() * 4)
  if (kind === 0) return size
  if (kind === 1) return any()
  const some = durableBytes + Math.floor(random() * (size - durableBytes + 1))
  if (kind === 2) return some
  return Math.max(durableBytes, some - (some % PIECE_BYTES))
}

/** Numbers from 0 to 1, the same ones for the same seed (mulberry32, by Tommy Ettinger). */
function randomNumbers(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
