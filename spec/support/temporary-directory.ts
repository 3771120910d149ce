import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fs from 'fs-extra'

/**
 * A new empty directory for each test of the surrounding `describe`, removed after it.
 *
 * @param parent where to make it. Default: the system's place for temporary files.
 * @returns a function that gives its path while a test runs, joined with names.
 */
export function temporaryDirectory(parent = tmpdir()): (...names: string[]) => string {
  let directory = ''
  beforeEach(() => {
    directory = fs.realpathSync(fs.mkdtempSync(join(parent, 'rollkeeper-')))
  })
  afterEach(() => fs.remove(directory))
  return (...names) => join(directory, ...names)
}
