import { spawnSync } from 'node:child_process'
import { dirname } from 'node:path'
import fs from 'fs-extra'

/** What strace does to a system call of a log, before the kernel has it. */
export interface Injection {
  /** Of the system call. */
  readonly call: string
  /** An error that it gives, `error=EIO`, or a signal that comes, `signal=SIGKILL`. */
  readonly what: string
  /** Which of these calls: `3` is the third one, `3+` that and all after it. */
  readonly when: string
}

/** System calls of a log, as a run of it made them. */
export interface SystemCalls {
  /** Paths of the log's directory that any of them named, the directory with them. */
  readonly paths: readonly string[]
  /** How many there were of each, in the thread that made the most. */
  readonly counts: ReadonlyMap<string, number>
}

/** The system calls by which `Disk` changes what is there, or learns of it. */
const SYSTEM_CALLS = [
  'openat',
  'write',
  'fdatasync',
  'fsync',
  'rename',
  'link',
  'unlink',
  'fchmod',
  'statx',
  'close',
] as const

/** Why strace cannot be used here; undefined where it can. */
export function straceMissing(): string | undefined {
  const probe = ['-f', '-o', '/dev/null', '-e', 'inject=close:error=EIO:when=9999', 'true']
  const { status, error } = spawnSync('strace', probe, { encoding: 'utf8' })
  if (error) return 'strace is not installed'
  return status === 0 ? undefined : 'strace may not trace here'
}

/** The command to run a program under, to write down its system calls of a log. */
export function recording(trace: string): string[] {
  return ['strace', '-f', '-y', ...ONE_THREAD, '-e', `trace=${SYSTEM_CALLS.join()}`, '-o', trace]
}

/**
 * The command to run a program under, to let some of its system calls fail, or kill it at them.
 * Only calls on the paths given are counted, and hit (strace(1), `-P`): none of those by which Node
 * loads its modules or speaks to its standard output.
 *
 * @param trace where those calls are written down; one that was hit with `(INJECTED)`.
 */
export function injecting(
  { call, what, when }: Injection,
  paths: readonly string[],
  trace: string,
): string[] {
  const expression = ['-e', `trace=${call}`, '-e', `inject=${call}:${what}:when=${when}`]
  const only = paths.flatMap(path => ['-P', path])
  return ['strace', '-f', ...ONE_THREAD, ...only, ...expression, '-o', trace]
}

/** strace counts calls of each thread by itself, so there is to be only one besides the first. */
const ONE_THREAD = ['-E', 'UV_THREADPOOL_SIZE=1']

/**
 * Reads what `recording` wrote.
 *
 * @param path the active file.
 */
export function readRecording(trace: string, path: string): SystemCalls {
  const directory = dirname(path)
  const named = new RegExp(
    String.raw`[<"](${directory.replaceAll('.', '\\.')}(?:/[^">]*)?)[">]`,
    'g',
  )
  const paths = new Set([directory, path])
  const byThread = new Map<string, number>()
  for (const line of fs.readFileSync(trace, 'utf8').split('\n')) {
    const [, thread, call] = /^(\d+) +(\w+)\(/.exec(line) ?? []
    const found = [...line.matchAll(named)].map(match => match[1] ?? '')
    if (call === undefined || found.length === 0) continue
    for (const one of found) paths.add(one)
    const key = `${thread} ${call}`
    byThread.set(key, (byThread.get(key) ?? 0) + 1)
  }
  const counts = new Map<string, number>()
  for (const [key, count] of byThread) {
    const [, call = ''] = key.split(' ')
    counts.set(call, Math.max(count, counts.get(call) ?? 0))
  }
  return { paths: [...paths], counts }
}
