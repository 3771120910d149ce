import { FileAppender } from '../../lib/appender/file-appender.js'
import type { FileAppenderOptions } from '../../lib/appender/options.js'
import type { RollkeeperError } from '../../lib/platform/rollkeeper-error.js'
import { HastyPlatform } from './hasty-platform.js'

/** A log that is open, and what it has told so far. */
interface HastyLog {
  readonly log: FileAppender
  /** Why the path was opened anew, each time. */
  readonly reopened: string[]
  readonly warnings: RollkeeperError[]
}

/** What `hastyLogs` gives a spec. */
export interface HastyLogs {
  /** Of the test that runs; a test may put another in its place before it opens a log. */
  platform: HastyPlatform
  /** Opens `audit.log` in the directory `logs`, unless told otherwise. */
  open(options?: Partial<FileAppenderOptions>): HastyLog
}

/**
 * Logs of the surrounding `describe`, each test with a platform of its own. They are closed after it.
 *
 * @param at as `temporaryDirectory` gives it.
 * @param ends whether closing may be refused, because the test takes their disk away.
 */
export function hastyLogs(
  at: (...names: string[]) => string,
  ends: 'well' | 'in any way' = 'well',
): HastyLogs {
  const opened: FileAppender[] = []
  const logs: HastyLogs = {
    platform: new HastyPlatform(),
    open(options = {}) {
      const log = new FileAppender({ path: at('logs', 'audit.log'), ...options }, logs.platform)
      opened.push(log)
      const reopened: string[] = []
      const warnings: RollkeeperError[] = []
      log.on('reopen', why => reopened.push(why))
      log.on('warning', error => warnings.push(error))
      return { log, reopened, warnings }
    },
  }
  beforeEach(() => {
    logs.platform = new HastyPlatform()
  })
  afterEach(async () => {
    for (const log of opened.splice(0)) {
      await log.close().catch((error: unknown) => {
        if (ends === 'well') throw error
      })
    }
  })
  return logs
}
