import { basename, dirname } from 'node:path'
import { getSystemErrorMap } from 'node:util'
import type {
  DirectoryEntry,
  Disk,
  FileStatus,
  NameScan,
  Permissions,
} from '../../lib/platform/disk.js'
import type { LockAnswer } from '../../lib/platform/flock.js'
import { systemCode } from '../../lib/platform/rollkeeper-error.js'
import type { DiskCall } from './faulty-disk.js'

/** A file without its names. It grows, by appends, or is emptied. */
export interface FileNode {
  readonly kind: 'file'
  readonly status: NodeStatus
  /** Holds the content, and room for more. What is in it never changes, so copies may share it. */
  bytes: Buffer
  size: number
  /** So much of it is on stable storage. */
  durableBytes: number
  /** Its sizes after each write since then, the last one being `size`. */
  sizes: number[]
  /** What was on stable storage before it was emptied, which power loss may bring back. */
  formerly: Buffer | undefined
}

/** A directory, as it is, and as it is on stable storage. */
export interface DirectoryNode {
  readonly kind: 'directory'
  readonly status: NodeStatus
  readonly entries: Map<string, Node>
  readonly durable: Map<string, Node>
  /** What made `entries` of `durable`, in its order. */
  pending: Operation[]
}

/** A symbolic link, which leads nowhere. */
export interface LinkNode {
  readonly kind: 'link'
  readonly status: NodeStatus
}

/** What a name can stand for. */
export type Node = FileNode | DirectoryNode | LinkNode

/** What is known of a node besides its content. */
export interface NodeStatus {
  readonly ino: number
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly birthtimeMs: number
  nlink: number
}

/** One atomic change of a directory: names, and what they stand for after it, if anything. */
export interface Operation {
  /** Place among all operations of the disk. */
  readonly order: number
  readonly call: 'create' | 'link' | 'unlink' | 'rename' | 'mkdir' | 'rmdir'
  readonly directory: DirectoryNode
  readonly changes: readonly (readonly [name: string, node: Node | undefined])[]
  /** A name that it reads and leaves as it is: where a link comes from. */
  readonly reads?: string
}

/** A moment at which the power may go. */
export interface Moment {
  readonly call: DiskCall
  /** What it is called with, if that is a path. */
  readonly path: string | undefined
  /** `'under way'`: begun, and without effect so far; or with a part of it. */
  readonly when: 'before' | 'under way' | 'after'
}

/** How a disk is made that is not empty, or not like others. */
export interface ForgetfulDiskOptions {
  /** After how many turns of the event loop an asynchronous call ends. Default: after one. */
  readonly turnsOf?: (call: DiskCall) => number
  /** What `freeBytes` tells. Default: a terabyte. */
  readonly freeBytes?: number
  /** Its content. All of it is on stable storage. Default: an empty directory `/`. */
  readonly root?: DirectoryNode
  /** A disk that says that it has synced, and has not. Default: an honest one. */
  readonly lies?: 'of files' | 'of directories'
}

interface Descriptor {
  readonly node: FileNode | DirectoryNode
  readonly access: 'append' | 'read'
  isLocked?: boolean
}

const FORMATS = { file: 0o100000, directory: 0o040000, link: 0o120000 }
const NAME_MAX_BYTES = 255
const ENTRIES_AT_ONCE = 512
const DEVICE = 77

const ERROR_NUMBERS = new Map(
  [...getSystemErrorMap()].map(([errno, [code, text]]) => [code, { errno, text }] as const),
)

/**
 * A disk in memory that knows of each thing on it whether it would be there after power loss.
 * Healthy, it does what Linux does (a spec runs both side by side). `power-loss.ts` makes of it what
 * is left when the power goes.
 *
 * - `datasync` makes durable what was in the file when it was called, `syncDirectory` the entries
 *   that the directory had then; both as soon as they end, and not before. Nothing else makes
 *   anything durable: not time, not `close`.
 * - Asynchronous calls begin at once and take effect in a later turn of the event loop, in the order
 *   in which they end; so a run is the same each time.
 * - An inode number is used again as soon as its file is gone, as on ext4.
 *
 * Permissions are kept and not enforced: everybody is root here.
 */
export class ForgetfulDisk implements Disk {
  /** Hears of each moment at which the state may be looked at; may read it, and not change it. */
  watch: ((moment: Moment) => void) | undefined
  /** Gives the birth times; files that are made within one millisecond have the same. */
  clock: { now(): number } = { now: () => 0 }
  readonly root: DirectoryNode
  readonly #options: ForgetfulDiskOptions
  readonly #open = new Map<number, Descriptor>()
  readonly #freeInodes: number[] = []
  #nextInode = 2
  #operations = 0
  #durableOperations = 0
  #changes = 0

  constructor(options: ForgetfulDiskOptions = {}) {
    this.#options = options
    if (options.root) {
      this.root = options.root
      this.#countNodes(options.root)
    } else {
      this.root = directoryNode(this.#status('directory', 0o755))
    }
  }

  /** Grows with each change of what is there, or of what would be there after power loss. */
  get version(): number {
    return this.#changes
  }

  /** Descriptors that are open. */
  get openCount(): number {
    return this.#open.size
  }

  /** Operations on directories before this place were all there when one after it became durable. */
  get durableOperations(): number {
    return this.#durableOperations
  }

  openExisting(path: string): number {
    return this.#now('openExisting', path, () => {
      const node = this.#get('open', path)
      if (node.kind === 'link') throw systemError('ELOOP', 'open', path)
      if (node.kind === 'directory') throw systemError('EISDIR', 'open', path)
      return this.#describe({ node, access: 'append' })
    })
  }

  create(path: string, permissions: Permissions): number {
    return this.#now('create', path, () => {
      const node = this.#create(path, permissions)
      return this.#describe({ node, access: 'append' })
    })
  }

  openLock(path: string, permissions: Permissions): number {
    return this.#now('openLock', path, () => {
      const there = this.#find('open', path)
      if (there?.kind === 'link') throw systemError('ELOOP', 'open', path)
      if (there?.kind === 'directory') throw systemError('EISDIR', 'open', path)
      const node = there ?? this.#create(path, permissions)
      return this.#describe({ node, access: 'append' })
    })
  }

  lock(fd: number): LockAnswer {
    return this.#now('lock', undefined, () => {
      const descriptor = this.#open.get(fd)
      if (!descriptor) return 'unable' // as the machine's disk says of all that it cannot lock
      const { node } = descriptor
      const others = [...this.#open.values()].filter(one => one !== descriptor && one.node === node)
      if (others.some(({ isLocked }) => isLocked)) return 'taken'
      descriptor.isLocked = true
      return 'ours'
    })
  }

  truncate(fd: number): void {
    this.#now('truncate', undefined, () => {
      const { node, access } = this.#described('ftruncate', fd)
      if (access === 'read' || node.kind === 'directory') throw systemError('EINVAL', 'ftruncate')
      node.formerly ??= Buffer.from(node.bytes.subarray(0, node.durableBytes))
      Object.assign(node, { bytes: Buffer.alloc(0), size: 0, durableBytes: 0, sizes: [] })
      this.#changes++
    })
  }

  openToRead(path: string): number {
    return this.#now('openToRead', path, () => {
      const node = this.#get('open', path)
      if (node.kind === 'link') throw systemError('ELOOP', 'open', path)
      return this.#describe({ node, access: 'read' })
    })
  }

  close(fd: number): void {
    this.#now('close', undefined, () => {
      const { node } = this.#described('close', fd)
      this.#open.delete(fd)
      this.#freeIfGone(node)
    })
  }

  write(fd: number, bytes: Uint8Array, offset: number, length: number): number {
    return this.#now('write', undefined, () => this.#append(fd, bytes, offset, length))
  }

  read(fd: number, bytes: Uint8Array, position: number): number {
    return this.#now('read', undefined, () => this.#read(fd, bytes, position))
  }

  fstat(fd: number): FileStatus {
    return this.#now('fstat', undefined, () => statusOf(this.#described('fstat', fd).node))
  }

  lstat(path: string): FileStatus | undefined {
    return this.#now('lstat', path, () => {
      const node = this.#find('lstat', path)
      return node && statusOf(node)
    })
  }

  stat(path: string): FileStatus {
    return this.#now('stat', path, () => {
      const node = this.#get('stat', path)
      if (node.kind === 'link') throw systemError('ENOENT', 'stat', path) // it leads nowhere
      return statusOf(node)
    })
  }

  rename(from: string, to: string): void {
    this.#now('rename', from, () => {
      const [directory, oldName] = this.#parentOf('rename', from)
      const [other, newName] = this.#parentOf('rename', to)
      if (directory !== other) throw new Error('not modelled: a rename to another directory')
      const node = directory.entries.get(oldName)
      const replaced = directory.entries.get(newName)
      if (!node) throw systemError('ENOENT', 'rename', from)
      if (node === replaced) return // also of two names of one file (rename(2))
      if (replaced) {
        if (node.kind === 'directory' && replaced.kind !== 'directory') {
          throw systemError('ENOTDIR', 'rename', from)
        }
        if (node.kind !== 'directory' && replaced.kind === 'directory') {
          throw systemError('EISDIR', 'rename', from)
        }
        if (replaced.kind === 'directory' && replaced.entries.size > 0) {
          throw systemError('ENOTEMPTY', 'rename', from)
        }
      }
      this.#change('rename', directory, [
        [oldName, undefined],
        [newName, node],
      ])
    })
  }

  link(from: string, to: string): void {
    this.#now('link', from, () => {
      const node = this.#get('link', from)
      const [source, reads] = this.#parentOf('link', from)
      const [directory, name] = this.#parentOf('link', to)
      if (directory.entries.has(name)) throw systemError('EEXIST', 'link', from)
      if (node.kind === 'directory') throw systemError('EPERM', 'link', from)
      if (source !== directory) throw new Error('not modelled: a link in another directory')
      this.#change('link', directory, [[name, node]], reads)
    })
  }

  unlink(path: string): void {
    this.#now('unlink', path, () => this.#unlink(path))
  }

  makeDirectory(path: string, mode: number): string[] {
    return this.#now('makeDirectory', path, () => {
      const missing: string[] = []
      for (let at = path; !this.#exists(at); at = dirname(at)) missing.unshift(at)
      for (const at of missing) {
        if (at !== missing[0]) this.#tell('makeDirectory', path, 'under way')
        const [directory, name] = this.#parentOf('mkdir', at)
        if (directory.entries.has(name)) throw systemError('EEXIST', 'mkdir', at)
        const node = directoryNode(this.#status('directory', mode))
        this.#change('mkdir', directory, [[name, node]])
      }
      return missing
    })
  }

  removeDirectory(path: string): void {
    this.#now('removeDirectory', path, () => {
      const node = this.#get('rmdir', path)
      if (node.kind !== 'directory') throw systemError('ENOTDIR', 'rmdir', path)
      if (node.entries.size > 0) throw systemError('ENOTEMPTY', 'rmdir', path)
      const [directory, name] = this.#parentOf('rmdir', path)
      this.#change('rmdir', directory, [[name, undefined]])
    })
  }

  scan(directory: string): NameScan {
    return this.#now('scan', directory, () => {
      const names = [...this.#directory('opendir', directory).entries.keys()]
      return {
        next() {
          const some = names.splice(0, ENTRIES_AT_ONCE)
          return some.length > 0 ? some : undefined
        },
        close: () => undefined,
      }
    })
  }

  async *entries(directory: string): AsyncIterable<readonly DirectoryEntry[]> {
    const node = await this.#later('entries', directory, () => () => {
      return this.#directory('opendir', directory)
    })
    const all = [...node.entries].map(([name, { kind }]) => ({ name, regular: kind === 'file' }))
    while (all.length > 0) yield all.splice(0, ENTRIES_AT_ONCE)
  }

  readLater(fd: number, bytes: Uint8Array, position: number): Promise<number> {
    return this.#later('readLater', undefined, () => () => this.#read(fd, bytes, position))
  }

  writeLater(fd: number, bytes: Uint8Array): Promise<number> {
    return this.#later(
      'writeLater',
      undefined,
      () => () => this.#append(fd, bytes, 0, bytes.length),
    )
  }

  datasync(fd: number): Promise<void> {
    return this.#later('datasync', undefined, () => this.#beginDatasync(fd))
  }

  syncDirectory(directory: string): Promise<void> {
    return this.#later('syncDirectory', directory, () => this.#beginDirectorySync(directory))
  }

  datasyncNow(fd: number): void {
    this.#now('datasyncNow', undefined, () => this.#beginDatasync(fd)())
  }

  syncDirectoryNow(directory: string): void {
    this.#now('syncDirectoryNow', directory, () => this.#beginDirectorySync(directory)())
  }

  remove(path: string): Promise<void> {
    return this.#later('remove', path, () => () => this.#unlink(path))
  }

  freeBytes(directory: string): Promise<number> {
    return this.#later('freeBytes', directory, () => () => {
      this.#get('statfs', directory)
      return this.#options.freeBytes ?? 2 ** 40
    })
  }

  /** Closes what is open, as the end of a process does. */
  closeAll(): void {
    for (const fd of Array.from(this.#open.keys())) {
      const { node } = this.#described('close', fd)
      this.#open.delete(fd)
      this.#freeIfGone(node)
    }
  }

  /** Puts a symbolic link that leads nowhere at a path, as only others do. */
  plantLink(path: string): void {
    const [directory, name] = this.#parentOf('symlink', path)
    if (directory.entries.has(name)) throw systemError('EEXIST', 'symlink', path)
    const node: LinkNode = { kind: 'link', status: this.#status('link', 0o777) }
    this.#change('create', directory, [[name, node]])
  }

  /** What a file holds now; undefined where there is no file. Nobody who watches hears of it. */
  peek(path: string): Buffer | undefined {
    const node = this.#find('open', path)
    return node?.kind === 'file' ? node.bytes.subarray(0, node.size) : undefined
  }

  /** Tells names of one file from others, now. Nobody who watches hears of it. */
  inode(path: string): number | undefined {
    return this.#find('lstat', path)?.status.ino
  }

  /** The names in a directory now; none where there is none. Nobody who watches hears of it. */
  names(directory: string): string[] {
    const node = this.#find('opendir', directory)
    return node?.kind === 'directory' ? [...node.entries.keys()].sort() : []
  }

  #now<Result>(call: DiskCall, path: string | undefined, effect: () => Result): Result {
    this.#tell(call, path, 'before')
    const result = effect()
    this.#tell(call, path, 'after')
    return result
  }

  /** @param begin what happens at once, and gives what happens at the end. */
  async #later<Result>(
    call: DiskCall,
    path: string | undefined,
    begin: () => () => Result,
  ): Promise<Result> {
    this.#tell(call, path, 'before')
    let end: (() => Result) | undefined
    let refusal: unknown
    try {
      end = begin()
    } catch (error) {
      refusal = error
    }
    const turns = this.#options.turnsOf?.(call) ?? 1
    for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate)
    if (!end) throw refusal
    this.#tell(call, path, 'under way')
    const result = end()
    this.#tell(call, path, 'after')
    return result
  }

  #tell(call: DiskCall, path: string | undefined, when: Moment['when']): void {
    this.watch?.({ call, path, when })
  }

  #append(fd: number, bytes: Uint8Array, offset: number, length: number): number {
    const { node, access } = this.#described('write', fd)
    if (access === 'read' || node.kind === 'directory') throw systemError('EBADF', 'write')
    if (length === 0) return 0
    const size = node.size + length
    if (size > node.bytes.length) {
      const larger = Buffer.alloc(Math.max(1024, size * 2))
      node.bytes.copy(larger, 0, 0, node.size)
      node.bytes = larger
    }
    node.bytes.set(bytes.subarray(offset, offset + length), node.size)
    node.size = size
    node.sizes.push(size)
    this.#changes++
    return length
  }

  /** Returns what happens at its end: nothing that was written meanwhile is durable by it. */
  #beginDatasync(fd: number): () => void {
    const { node } = this.#described('fdatasync', fd)
    const bytes = node.kind === 'file' ? node.size : 0
    return () => {
      if (node.kind !== 'file' || this.#options.lies === 'of files') return
      if (node.size < bytes || (bytes <= node.durableBytes && !node.formerly)) return
      node.formerly = undefined
      node.durableBytes = bytes
      node.sizes = node.sizes.filter(size => size > bytes)
      this.#changes++
    }
  }

  /** Returns what happens at its end, as for a file. */
  #beginDirectorySync(path: string): () => void {
    const node = this.#directory('open', path)
    const operations = this.#operations
    return () => {
      if (this.#options.lies === 'of directories') return
      for (const operation of node.pending) {
        if (operation.order >= operations) break
        apply(operation, node.durable)
        this.#durableOperations = Math.max(this.#durableOperations, operation.order + 1)
        this.#changes++
      }
      node.pending = node.pending.filter(({ order }) => order >= operations)
    }
  }

  #create(path: string, { mode, uid, gid }: Permissions): FileNode {
    const [directory, name] = this.#parentOf('open', path)
    if (directory.entries.has(name)) throw systemError('EEXIST', 'open', path)
    const node = fileNode(this.#status('file', mode & 0o7777, uid, gid))
    this.#change('create', directory, [[name, node]])
    return node
  }

  #read(fd: number, bytes: Uint8Array, position: number): number {
    if (bytes.length === 0) return 0 // Node does not ask then
    const { node } = this.#described('read', fd)
    if (node.kind === 'directory') throw systemError('EISDIR', 'read')
    const came = Math.max(0, Math.min(bytes.length, node.size - position))
    bytes.set(node.bytes.subarray(position, position + came))
    return came
  }

  #unlink(path: string): void {
    const node = this.#get('unlink', path)
    if (node.kind === 'directory') throw systemError('EISDIR', 'unlink', path)
    const [directory, name] = this.#parentOf('unlink', path)
    this.#change('unlink', directory, [[name, undefined]])
  }

  /** Makes a change of a directory, which is forgotten with the power until it is synced. */
  #change(
    call: Operation['call'],
    directory: DirectoryNode,
    changes: Operation['changes'],
    reads?: string,
  ): void {
    const before = changes.map(([name]) => directory.entries.get(name))
    const operation = {
      order: this.#operations++,
      call,
      directory,
      changes,
      ...(reads && { reads }),
    }
    apply(operation, directory.entries)
    directory.pending.push(operation)
    for (const [, node] of changes) if (node) node.status.nlink++
    for (const node of before) {
      if (!node) continue
      node.status.nlink--
      this.#freeIfGone(node)
    }
    this.#changes++
  }

  #freeIfGone(node: Node): void {
    const { nlink, ino } = node.status
    const isOpen = [...this.#open.values()].some(descriptor => descriptor.node === node)
    if (nlink === 0 && !isOpen) this.#freeInodes.push(ino)
  }

  #describe(descriptor: Descriptor): number {
    let fd = 3
    while (this.#open.has(fd)) fd++ // the lowest, as everywhere
    this.#open.set(fd, descriptor)
    return fd
  }

  #described(syscall: string, fd: number): Descriptor {
    const descriptor = this.#open.get(fd)
    if (!descriptor) throw systemError('EBADF', syscall)
    return descriptor
  }

  #exists(path: string): boolean {
    try {
      const kind = this.#find('stat', path)?.kind
      return kind !== undefined && kind !== 'link'
    } catch {
      return false
    }
  }

  #directory(syscall: string, path: string): DirectoryNode {
    const node = this.#get(syscall, path)
    if (node.kind === 'link') throw systemError('ENOENT', syscall, path) // it leads nowhere
    if (node.kind !== 'directory') throw systemError('ENOTDIR', syscall, path)
    return node
  }

  #get(syscall: string, path: string): Node {
    const node = this.#find(syscall, path)
    if (!node) throw systemError('ENOENT', syscall, path)
    return node
  }

  /** What stands at a path; undefined where nothing does, or a directory on the way is missing. */
  #find(syscall: string, path: string): Node | undefined {
    if (path === '/') return this.root
    try {
      const [directory, name] = this.#parentOf(syscall, path)
      return directory.entries.get(name)
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined
      throw error
    }
  }

  #parentOf(syscall: string, path: string): [directory: DirectoryNode, name: string] {
    const name = basename(path)
    let directory = this.root
    for (const part of dirname(path).split('/')) {
      if (part === '') continue
      const node = directory.entries.get(part)
      if (!node || node.kind === 'link') throw systemError('ENOENT', syscall, path)
      if (node.kind === 'file') throw systemError('ENOTDIR', syscall, path)
      directory = node
    }
    if (Buffer.byteLength(name) > NAME_MAX_BYTES) throw systemError('ENAMETOOLONG', syscall, path)
    return [directory, name]
  }

  #status(kind: Node['kind'], mode: number, uid = 0, gid = 0): NodeStatus {
    const birthtimeMs = this.clock.now()
    const ino = this.#freeInodes.pop() ?? this.#nextInode++
    return { ino, mode: FORMATS[kind] | mode, uid, gid, birthtimeMs, nlink: 0 }
  }

  #countNodes(directory: DirectoryNode): void {
    this.#nextInode = Math.max(this.#nextInode, directory.status.ino + 1)
    for (const node of directory.entries.values()) {
      this.#nextInode = Math.max(this.#nextInode, node.status.ino + 1)
      if (node.kind === 'directory') this.#countNodes(node)
    }
  }
}

/** Does to the entries of a directory what an operation does. */
export function apply({ changes }: Operation, entries: Map<string, Node>): void {
  for (const [name, node] of changes) {
    if (node) entries.set(name, node)
    else entries.delete(name)
  }
}

/** A file, all on stable storage. */
export function fileNode(status: NodeStatus, bytes: Buffer = Buffer.alloc(0)): FileNode {
  const size = bytes.length
  return { kind: 'file', status, bytes, size, durableBytes: size, sizes: [], formerly: undefined }
}

/** A directory, all on stable storage. */
export function directoryNode(
  status: NodeStatus,
  entries: ReadonlyMap<string, Node> = new Map(),
): DirectoryNode {
  const durable = new Map(entries)
  return { kind: 'directory', status, entries: new Map(entries), durable, pending: [] }
}

function statusOf(node: Node): FileStatus {
  const { kind, status } = node
  const size = kind === 'file' ? node.size : 0
  return { ...status, dev: DEVICE, size, isFile: () => kind === 'file' }
}

/** An error as Node makes it of what the system says. */
function systemError(code: string, syscall: string, path?: string): Error {
  const { errno, text } = ERROR_NUMBERS.get(code) ?? { errno: NaN, text: '?' }
  const at = path === undefined ? '' : ` '${path}'`
  return Object.assign(new Error(`${code}: ${text}, ${syscall}${at}`), { code, errno, syscall })
}
