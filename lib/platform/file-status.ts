/** What `lstat` tells of a file. `ino` is a bigint only where a number would lose digits. */
export interface FileStatus {
  readonly dev: number
  readonly ino: number | bigint
  readonly nlink: number
  readonly size: number
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly birthtimeMs: number
  isFile(): boolean
}

/** Whether two paths or descriptors were the same file. */
export function sameFile(one: FileStatus, other: FileStatus): boolean {
  return one.ino === other.ino && one.dev === other.dev
}
