import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect } from 'chai'
import fs from 'fs-extra'
import { FileAppender } from '../../lib/appender/file-appender.js'
import { systemDisk } from '../../lib/platform/disk.js'
import type { RollkeeperError } from '../../lib/platform/rollkeeper-error.js'
import { chokidarWatch } from '../../lib/platform/watch.js'
import { HastyPlatform } from '../support/hasty-platform.js'
import { expectAllIn, numbered } from '../support/steady-writer.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const run = promisify(execFile)
const DEADLINE_MS = 30_000
const DIST = fileURLToPath(new URL('../../dist/', import.meta.url))

/**
 * What a consumer does after its imports: is idle, renames the file, and is idle again; then it has
 * nothing left to do, and ends, though its log is not closed. It prints what it saw.
 */
const PROGRAM = `
const path = process.argv[2]
const log = new FileAppender({ path })
const warnings = []
log.on('warning', error => warnings.push(error.message))

function scriptsOfChokidar() {
  const session = new inspector.Session()
  const urls = []
  session.connect()
  session.on('Debugger.scriptParsed', ({ params }) => urls.push(params.url))
  session.post('Debugger.enable')
  session.disconnect()
  return urls.filter(url => url.includes('/node_modules/chokidar/')).length
}

function isWatching() {
  return fs.readdirSync('/proc/self/fdinfo').some(fd => {
    try {
      return /^inotify /m.test(fs.readFileSync('/proc/self/fdinfo/' + fd, 'utf8'))
    } catch {
      return false
    }
  })
}

async function untilWatching() {
  while (!isWatching()) await new Promise(resolve => setTimeout(resolve, 20))
}

async function main() {
  const alive = setInterval(() => undefined, 1000)
  await log.append('1\\n')
  const before = scriptsOfChokidar()
  await untilWatching()
  const after = scriptsOfChokidar()
  fs.renameSync(path, path + '.1')
  const [why] = await once(log, 'reopen')
  const isThere = fs.existsSync(path)
  await untilWatching()
  console.log(JSON.stringify({ isLoadedBefore: before > 0, isLoadedAfter: after > 0, why, isThere, warnings }))
  clearInterval(alive)
}
main()
`

const COMMONJS = `
const fs = require('node:fs')
const inspector = require('node:inspector')
const { once } = require('node:events')
const { FileAppender } = require(${JSON.stringify(join(DIST, 'cjs', 'index.js'))})
`

const MODULE = `
import fs from 'node:fs'
import inspector from 'node:inspector'
import { once } from 'node:events'
import { FileAppender } from ${JSON.stringify(join(DIST, 'esm', 'index.js'))}
`

describe('an idle log of those who depend on the package', function () {
  this.timeout(60_000)
  const at = temporaryDirectory()

  for (const [kind, name, imports] of [
    ['CommonJS', 'program.cjs', COMMONJS],
    ['ES modules', 'program.mjs', MODULE],
  ] as const) {
    it(`is watched under ${kind}, by a chokidar that is not loaded before; and keeps no process alive`, async function () {
      if (process.platform !== 'linux') {
        console.log('      skipped: only Linux shows its watches')
        return this.skip()
      }
      fs.writeFileSync(at(name), imports + PROGRAM)
      const { stdout } = await run(process.execPath, [at(name), at('audit.log')], {
        timeout: DEADLINE_MS, // one that is kept alive would never end
      })
      expect(JSON.parse(stdout)).to.deep.equal({
        isLoadedBefore: false,
        isLoadedAfter: true,
        why: 'renamed',
        isThere: true,
        warnings: [],
      })
      return undefined
    })
  }

  it('is looked at once a second where ES modules cannot be loaded, as in Jest; one warning says so', async () => {
    const cause = new SyntaxError('Cannot use import statement outside a module')
    const watch = chokidarWatch(() => Promise.reject(cause))
    const log = new FileAppender({ path: at('audit.log') }, new HastyPlatform(systemDisk, watch))
    const warnings: RollkeeperError[] = []
    log.on('warning', error => warnings.push(error))
    await log.append(numbered(1))
    for (let i = 1; i <= 3; i++) {
      const [why]: unknown[] = await reopenAfter(log, () => {
        fs.renameSync(at('audit.log'), at(`audit.log.${i}`))
      })
      expect(why).to.equal('renamed')
      await log.append(numbered(i + 1))
    }
    await log.close()
    expectAllIn(
      ['audit.log.1', 'audit.log.2', 'audit.log.3', 'audit.log'].map(name => at(name)),
      4,
    )
    expect(warnings.map(({ code }) => code)).to.deep.equal(['ERR_ROLLKEEPER_OPEN'])
    expect(warnings[0]).to.include({ cause })
  })

  it('goes on being followed while it is looked at after a refusal of the system', async () => {
    const refusal = Object.assign(new Error('no watches left'), { code: 'ENOSPC' })
    const watch = chokidarWatch(() => Promise.reject(refusal))
    const log = new FileAppender({ path: at('audit.log') }, new HastyPlatform(systemDisk, watch))
    const warning = once(log, 'warning')
    await log.append(numbered(1))
    const [error] = await warning
    expect(error).to.have.property('message').that.includes('ENOSPC')
    const [why]: unknown[] = await reopenAfter(log, () => fs.unlinkSync(at('audit.log')))
    expect(why).to.equal('deleted')
    await log.close()
  })

  async function reopenAfter(log: FileAppender, act: () => void): Promise<unknown[]> {
    const reopen = once(log, 'reopen')
    act()
    return reopen
  }
})
