import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { dirname, join } from 'node:path'
import fs from 'fs-extra'

/** What a file or a directory is, as far as nobody may change it. */
export interface Snapshot {
  readonly what: string
  readonly mode: number
  readonly owner: string
  readonly mtimeMs: number
}

/** Long ago, so that any change of a file shows in its time. */
const LONG_AGO = new Date('2001-01-01T00:00:00.000Z')

/**
 * Makes what is none of the log's business: files without a line end, which would get one if they
 * were taken for torn, with permissions that nothing of the log has, and a directory.
 */
export function makeOutside(directory: string): void {
  fs.mkdirSync(join(directory, 'folder'), { recursive: true })
  for (const name of ['file', 'other', 'folder/file']) {
    fs.writeFileSync(join(directory, name), `outside ${name}`)
    fs.chmodSync(join(directory, name), 0o644)
    fs.utimesSync(join(directory, name), LONG_AGO, LONG_AGO)
  }
  fs.utimesSync(join(directory, 'folder'), LONG_AGO, LONG_AGO)
  fs.utimesSync(directory, LONG_AGO, LONG_AGO)
}

/** Everything below a directory, and itself. Links are not followed, nothing is waited for. */
export function snapshotOf(directory: string): Map<string, Snapshot> {
  const names = fs.readdirSync(directory, { recursive: true, encoding: 'utf8' })
  return new Map(['.', ...names].map(name => [name, snapshot(join(directory, name))]))
}

/** What stands at a path; undefined where nothing does. */
export function lookAt(path: string): Snapshot | undefined {
  return fs.lstatSync(path, { throwIfNoEntry: false }) && snapshot(path)
}

function snapshot(path: string): Snapshot {
  const status = fs.lstatSync(path)
  const { mode, uid, gid, mtimeMs } = status
  let what = `inode ${status.ino}`
  if (status.isFile()) what = fs.readFileSync(path, 'latin1')
  if (status.isSymbolicLink()) what = fs.readlinkSync(path)
  return { what, mode, owner: `${uid}:${gid}`, mtimeMs: status.isDirectory() ? 0 : mtimeMs }
}

/** Where `listenBeside` makes its socket. */
function socketPath(outside: string): string {
  return join(dirname(outside), 'socket')
}

/** Makes a socket that is ready to be put somewhere, as long as it listens. */
export async function listenBeside(outside: string): Promise<Server> {
  const server = createServer()
  server.listen(socketPath(outside))
  await once(server, 'listening')
  return server
}

/** Ways to put something in a log's way, each with what it is called. */
export const PLANTS: readonly (readonly [
  what: string,
  plant: (path: string, outside: string) => void,
])[] = [
  ['a link to a file', (path, outside) => fs.symlinkSync(join(outside, 'file'), path)],
  ['a link to a directory', (path, outside) => fs.symlinkSync(join(outside, 'folder'), path)],
  ['a link to nothing', (path, outside) => fs.symlinkSync(join(outside, 'nothing'), path)],
  ['a hard link to a file', (path, outside) => fs.linkSync(join(outside, 'file'), path)],
  ['a directory', path => fs.mkdirSync(path)],
  ['a directory with a file', path => fs.outputFileSync(join(path, 'inside'), 'inside')],
  ['a pipe', path => execFileSync('mkfifo', [path])],
  ['a socket', (path, outside) => fs.renameSync(socketPath(outside), path)],
  ['a device', path => execFileSync('mknod', [path, 'c', '1', '7'], { stdio: 'ignore' })], // /dev/full
]
