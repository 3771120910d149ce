import type { FileStatus } from './disk.js'

/** Whose something is, and who may do what with it. */
type Owned = Pick<FileStatus, 'mode' | 'uid' | 'gid'>

/** As whom a process works; groups besides the primary one do not count. */
export interface Identity {
  readonly uid: number
  readonly gid: number
}

/** In a directory: only the owner of a file may delete or rename it, and that of the directory. */
const STICKY = 0o1000

/** Permissions to write, of others and of a group (inode(7)). */
const OTHERS_WRITE = 0o002
const GROUP_WRITE = 0o020

const ROOT = 0

/** As whom this process works; undefined where the system has no such thing. */
export function ownIdentity(): Identity | undefined {
  const uid = process.geteuid?.()
  const gid = process.getegid?.()
  return uid === undefined || gid === undefined ? undefined : { uid, gid }
}

/**
 * Who besides us and root may write to a directory: make, rename and delete files in it. A sticky
 * directory counts too: there nobody renames or deletes files of ours, but anybody makes others
 * under the names that we are about to use.
 *
 * @param us default: this process.
 * @returns in words; undefined for nobody.
 */
export function othersWhoMayWrite(
  { mode, uid, gid }: Owned,
  us: Identity | undefined = ownIdentity(),
): string | undefined {
  if (!us) return undefined
  if ((mode & OTHERS_WRITE) !== 0) return 'anybody'
  if ((mode & GROUP_WRITE) !== 0 && gid !== ROOT && gid !== us.gid) return `group ${gid}`
  return uid === ROOT || uid === us.uid ? undefined : `user ${uid}`
}

/**
 * Who besides us and root may delete and replace files of ours in a directory. As
 * `othersWhoMayWrite`, but that nobody may in a sticky one, but for its owner (inode(7)).
 *
 * @param us default: this process.
 * @returns in words; undefined for nobody.
 */
export function othersWhoMayDelete(
  { mode, uid, gid }: Owned,
  us: Identity | undefined = ownIdentity(),
): string | undefined {
  return othersWhoMayWrite({ mode: (mode & STICKY) === 0 ? mode : 0, uid, gid }, us)
}

/**
 * Whether a file was made by somebody who has no part in the log, in a directory where anybody may
 * make files.
 *
 * @param active the log's active file, whose owner has a part in it; undefined where there is none.
 * @param us default: this process.
 */
export function isStrangers(
  file: FileStatus,
  directory: FileStatus,
  active: FileStatus | undefined,
  us: Identity | undefined = ownIdentity(),
): boolean {
  if (!us || othersWhoMayWrite(directory, us) !== 'anybody') return false
  return ![ROOT, us.uid, directory.uid, active?.uid].includes(file.uid)
}

/**
 * Whether a file that stands where we are about to write may be a trap: in a directory that others
 * may write to, one that has a second name (nobody knows where), or that anybody could have put
 * there, and read. `/proc/sys/fs/protected_hardlinks` and `protected_regular` ask the same questions
 * (proc_sys_fs(5)), but not on every machine.
 *
 * @param us default: this process.
 * @returns why, in words that follow "it"; undefined where nothing speaks for that.
 */
export function trapAt(
  file: FileStatus,
  directory: FileStatus,
  us: Identity | undefined = ownIdentity(),
): string | undefined {
  const others = othersWhoMayWrite(directory, us)
  if (!us || others === undefined) return undefined
  const danger = `where ${others} may write`
  if (file.nlink > 1) return `has a second name, in a directory ${danger}`
  if (!isStrangers(file, directory, undefined, us)) return undefined
  return `belongs to user ${file.uid}, in a directory ${danger}`
}
