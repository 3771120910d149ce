import { sep } from 'node:path'
import type { Cancel } from './clock.js'

/** What a watch tells. It tells of one thing besides `begun`, and has ended then. */
export interface WatchListener {
  /** It sees from now on; what was before is for the listener to look at. */
  begun(): void
  /** Something happened to the file, perhaps. What, is for the listener to look at. */
  happened(): void
  /** It cannot see, or not any more, and why. */
  failed(cause: unknown): void
}

/** Watches the file at a path until the watch is ended. Never keeps the process alive. */
export type Watch = (path: string, listener: WatchListener) => Cancel

/** What is used of chokidar. */
export interface Chokidar {
  watch(path: string, options: Readonly<Record<string, unknown>>): Watcher
}

interface Watcher {
  on(event: string, listener: (cause?: unknown) => void): unknown
  close(): Promise<void>
}

/** Where the system does not tell, chokidar looks this often, in milliseconds. */
const POLL_MS = 1000

/**
 * Watches by chokidar, which is loaded when first needed: it is ES only, and not every place that
 * runs CommonJS can load that (Jest cannot).
 *
 * The file is watched, not its directory. For a directory chokidar reads all names and asks for the
 * status of each, and does so again whenever any file in it changes: in one of 10,000 files 0.14
 * seconds at the start (5 seconds and a watch for each of 100,000 that are not ignored), then a whole
 * processor as long as anybody else writes there. A file costs one watch and 1.5 ms, wherever it is,
 * and only what is done to it is heard of (`docs/decisions.md` has the table).
 *
 * On Linux that tells of a file renamed, replaced, deleted, with its directory or alone, truncated, or
 * changed in its mode. A deletion comes as a mere change as long as somebody has the file open, and
 * nothing comes where a directory above the file is renamed, or something is mounted over it; so no
 * event is taken at its word, and who needs to know of these looks now and then.
 *
 * @param load gives chokidar. It is called once; specs let it fail.
 */
export function chokidarWatch(load: () => Promise<Chokidar> = loadChokidar): Watch {
  let loading: Promise<Chokidar> | undefined
  return (path, listener) => {
    let watcher: Watcher | undefined
    let status: 'watching' | 'ended' = 'watching'
    const end = (): void => {
      if (status === 'ended') return
      status = 'ended'
      void watcher?.close()
      // Closing took our listener away, and a look of chokidar's own may be under way and fail.
      watcher?.on('error', () => undefined)
    }
    const endWith = (tell: () => void): void => {
      if (status === 'ended') return
      end()
      tell()
    }
    const begin = async (): Promise<void> => {
      if (sep === '/' && path.includes('\\')) throw new Error('chokidar takes \\ for /')
      const chokidar = await (loading ??= load())
      if (status === 'ended') return
      watcher = chokidar.watch(path, OPTIONS)
      watcher.on('ready', () => {
        if (status === 'watching') listener.begun()
      })
      // At once, before chokidar begins to look for itself: for a file that is gone it would turn
      // to the directory.
      watcher.on('raw', () => endWith(() => listener.happened()))
      watcher.on('all', () => endWith(() => listener.happened()))
      watcher.on('error', cause => endWith(() => listener.failed(cause)))
    }
    begin().catch((cause: unknown) => endWith(() => listener.failed(cause)))
    return end
  }
}

const OPTIONS: Readonly<Record<string, unknown>> = {
  persistent: false,
  ignoreInitial: true,
  followSymlinks: false,
  depth: 0,
  // It would hold back deletions, and ignore names that end in a tilde.
  atomic: false,
  // Chokidar listens to the errors of a native watch only where it keeps the process alive, and an
  // error that nobody listens to would end the process. On Linux there are none once it has begun.
  usePolling: process.platform !== 'linux',
  interval: POLL_MS,
}

/**
 * Jest cannot load it, and calls even trying an error of the test run when it happens after the test
 * that left its log open.
 */
async function loadChokidar(): Promise<Chokidar> {
  if (process.env.JEST_WORKER_ID !== undefined) throw new Error('Jest cannot load chokidar')
  return import('chokidar')
}
