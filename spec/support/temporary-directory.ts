import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fs from 'fs-extra'

/**
 * A new empty directory for each test of the surrounding `describe`. All are removed after the last
 * of them, when nothing is left that could still write there.
 *
 * @param parent where to make it. Default: the system's place for temporary files.
 * @returns a function that gives its path while a test runs, joined with names.
 */
export function temporaryDirectory(parent = tmpdir()): (...names: string[]) => string {
  let directory = ''
  const made: string[] = []
  beforeEach(() => {
    directory = fs.realpathSync(fs.mkdtempSync(join(parent, 'rollkeeper-')))
    made.push(directory)
  })
  after(() => Promise.all(made.map(path => fs.remove(path))))
  return (...names) => join(directory, ...names)
}
