import type { Disk } from '../../lib/platform/disk.js'

/** A call that can fail: of the disk, or a step of a reading that such a call began. */
export type FaultyCall = keyof Disk | 'scan.next' | 'entries.next' | (string & {})

/**
 * How a call fails: an error, fewer bytes than were asked for, those and then a full disk, or, of a
 * lock, an answer.
 */
export type FaultCode = 'short' | 'short,ENOSPC' | 'unable' | 'taken' | (string & {})

/**
 * What becomes of a call that fails: it has no effect, all of it, or, where it writes, a part of it.
 */
export type FaultEffect = 'without' | 'after' | 'part'

/**
 * How long it lasts: for so many calls of the kind; `dead` is the whole disk, from there on, and only
 * the first call may have an effect.
 */
type FaultLasting = 'once' | 'thrice' | 'forever' | 'dead'

/** One fault, in one run of a scenario. */
export interface Fault {
  readonly call: FaultyCall
  /** The first of these calls that fails, from 1. */
  readonly nth: number
  readonly code: FaultCode
  readonly effect: FaultEffect
  readonly lasting: FaultLasting
}

/** The ways in which a call can fail. */
export interface FaultPoint {
  readonly codes: readonly FaultCode[]
  /** `changes`: also after it took effect. `looks`: there is no effect that it could have. */
  readonly kind: 'changes' | 'looks'
  /** Who says so. */
  readonly source: string
}

const OPEN = ['EACCES', 'EMFILE', 'ENFILE', 'EIO', 'ENOENT', 'ESTALE']
const CREATE = ['EACCES', 'EDQUOT', 'EMFILE', 'ENFILE', 'ENOSPC', 'EROFS', 'EIO', 'ESTALE']
const WRITE = ['ENOSPC', 'EDQUOT', 'EIO', 'EROFS', 'ESTALE', 'short', 'short,ENOSPC']
const READ = ['EIO', 'ESTALE', 'short']
const SYNC = ['EIO', 'ENOSPC', 'EDQUOT', 'EROFS', 'ESTALE']
const NAME = ['EACCES', 'EPERM', 'EBUSY', 'EROFS', 'ENOENT', 'EIO', 'ESTALE']

const NETWORK = 'EIO, ESTALE: nfs(5)'

/**
 * Every call of the disk, and the errors that it can really give. Errors that any call on a network
 * file system can give are EIO and ESTALE.
 */
export const FAULT_POINTS: Readonly<Record<string, FaultPoint>> = {
  openExisting: {
    codes: [...OPEN, 'EROFS'],
    kind: 'looks',
    source: `open(2); ${NETWORK}`,
  },
  openToRead: { codes: OPEN, kind: 'looks', source: `open(2); ${NETWORK}` },
  create: {
    codes: [...CREATE, 'EEXIST', 'ENOENT'],
    kind: 'changes',
    source: `open(2), fchmod(2), fchown(2); ${NETWORK}`,
  },
  close: { codes: ['EIO', 'ENOSPC', 'EDQUOT'], kind: 'changes', source: 'close(2)' },
  write: {
    codes: WRITE,
    kind: 'changes',
    source: `write(2); EROFS: ext4 that has shut itself down; ${NETWORK}`,
  },
  writeLater: { codes: WRITE, kind: 'changes', source: 'as write' },
  read: { codes: READ, kind: 'looks', source: `read(2); ${NETWORK}` },
  readLater: { codes: READ, kind: 'looks', source: 'as read' },
  fstat: { codes: ['EIO', 'ESTALE'], kind: 'looks', source: NETWORK },
  lstat: { codes: ['EACCES', 'EIO', 'ESTALE'], kind: 'looks', source: `stat(2); ${NETWORK}` },
  stat: {
    codes: ['EACCES', 'ENOENT', 'EIO', 'ESTALE'],
    kind: 'looks',
    source: `stat(2); ${NETWORK}`,
  },
  rename: {
    codes: [...NAME, 'EXDEV', 'ENOSPC', 'EDQUOT'],
    kind: 'changes',
    source: `rename(2); EXDEV, EBUSY: a file that is mounted over; ${NETWORK}`,
  },
  link: {
    codes: [
      'EACCES',
      'EDQUOT',
      'EEXIST',
      'ENOENT',
      'ENOSPC',
      'EROFS',
      'EXDEV',
      'EIO',
      'ESTALE',
      'EPERM',
    ],
    kind: 'changes',
    source: `link(2); EPERM: a file system without links; ${NETWORK}`,
  },
  unlink: { codes: NAME, kind: 'changes', source: `unlink(2); ${NETWORK}` },
  remove: { codes: NAME, kind: 'changes', source: 'as unlink' },
  makeDirectory: {
    codes: [...CREATE, 'ENOENT'],
    kind: 'changes',
    source: `mkdir(2), open(2), fchmod(2); ${NETWORK}`,
  },
  removeDirectory: { codes: NAME, kind: 'changes', source: `rmdir(2); ${NETWORK}` },
  scan: { codes: OPEN, kind: 'looks', source: `opendir(3); ${NETWORK}` },
  'scan.next': { codes: ['EIO', 'ENOENT', 'ESTALE'], kind: 'looks', source: 'getdents(2)' },
  entries: { codes: OPEN, kind: 'looks', source: 'as scan' },
  'entries.next': { codes: ['EIO', 'ENOENT', 'ESTALE'], kind: 'looks', source: 'as scan.next' },
  datasync: { codes: SYNC, kind: 'changes', source: `fsync(2); ${NETWORK}` },
  datasyncNow: { codes: SYNC, kind: 'changes', source: 'as datasync' },
  syncDirectory: {
    codes: [...OPEN, 'EROFS', 'ENOSPC', 'EDQUOT'],
    kind: 'changes',
    source: `open(2), fsync(2); ${NETWORK}`,
  },
  syncDirectoryNow: {
    codes: [...OPEN, 'EROFS', 'ENOSPC', 'EDQUOT'],
    kind: 'changes',
    source: 'as syncDirectory',
  },
  freeBytes: {
    codes: ['EACCES', 'ENOENT', 'EIO', 'ESTALE'],
    kind: 'looks',
    source: `statfs(2); ${NETWORK}`,
  },
  openLock: {
    codes: [...CREATE, 'ENOENT'],
    kind: 'changes',
    source: `open(2); ${NETWORK}`,
  },
  truncate: { codes: ['EIO', 'EROFS', 'ESTALE'], kind: 'changes', source: 'as write' },
  lock: {
    codes: ['unable', 'taken'],
    kind: 'looks',
    source: 'flock(2): ENOLCK, EINVAL, EWOULDBLOCK, in the words of the disk',
  },
}

const LASTING: readonly FaultLasting[] = ['once', 'thrice', 'forever']

/** All faults that the n-th call of a kind can have; those that end the disk come by EIO alone. */
export function faultsAt(call: FaultyCall, nth: number): Fault[] {
  const point = FAULT_POINTS[call]
  if (!point) throw new Error(`nobody knows how ${call} fails`)
  const faults = point.codes.flatMap(code =>
    effectsOf(call, code).flatMap(effect =>
      LASTING.filter(lasting => code !== 'short,ENOSPC' || lasting === 'once').map(lasting => ({
        call,
        nth,
        code,
        effect,
        lasting,
      })),
    ),
  )
  const ends = effectsOf(call, 'EIO').map(effect => ({ call, nth, code: 'EIO', effect }))
  return [...faults, ...ends.map(fault => ({ ...fault, lasting: 'dead' as const }))]
}

/** Which effects a call may have that fails so. */
export function effectsOf(call: FaultyCall, code: FaultCode): FaultEffect[] {
  if (code.startsWith('short')) return ['part']
  if (FAULT_POINTS[call]?.kind !== 'changes') return ['without']
  return call.startsWith('write') ? ['without', 'after', 'part'] : ['without', 'after']
}

/** A fault in one word for each of its parts, as `parseFault` reads it. */
export function formatFault({ call, nth, code, effect, lasting }: Fault): string {
  return `${call}#${nth} ${code} ${effect} ${lasting}`
}

/** @throws Error for what `formatFault` does not write. */
export function parseFault(text: string): Fault {
  const parts = /^([\w.]+)#(\d+) ([\w,]+) (without|after|part) (once|thrice|forever|dead)$/.exec(
    text,
  )
  if (!parts) throw new Error(`no fault: ${text}`)
  const [, call = '', nth, code = '', effect, lasting] = parts
  return {
    call,
    nth: Number(nth),
    code,
    effect: effect as FaultEffect,
    lasting: lasting as FaultLasting,
  }
}
