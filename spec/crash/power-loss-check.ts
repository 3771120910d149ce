import { basename } from 'node:path'
import { expect } from 'chai'
import { archivePath, plainPath } from '../../lib/backup/backup.js'
import { parseBackupName } from '../../lib/backup/backup-name.js'
import type { ForgetfulDisk } from '../support/forgetful-disk.js'
import type { Loss } from '../support/power-loss.js'
import {
  at,
  DIRECTORY,
  LoggedLife,
  PATH,
  placesIn,
  readFile,
  REASON,
  type Cut,
} from './logged-life.js'
import { DISK_OPTIONS, type Scenario } from './power-loss-scenarios.js'

/** What a log is on the disk, names apart. */
interface Survey {
  /** Backups, oldest first, each counted once with its archive; then the active file. */
  readonly log: readonly { readonly name: string; readonly content: Buffer }[]
  /** What stands under private names only. */
  readonly hidden: readonly Buffer[]
  /** How many rotations have not ended. */
  readonly leftovers: number
}

const PRIVATE = /^\.audit\.log\.rotating(?:\.\d+)?$/

/** Names that may be there besides those of the log. */
const OTHERS = new Set(['.audit.log.lock', '.audit.log.hold'])

/**
 * Cuts the power, opens the log on what is left, lets it go on for a while, and expects of it all
 * that guarantee 8 says, to the letter.
 *
 * @param cuts whether the life that followed lists the moments at which the power may go again.
 */
export async function checkLoss(
  scenario: Scenario,
  cut: Cut,
  loss: Loss,
  cuts: 'listed' | 'passed over' = 'passed over',
): Promise<LoggedLife> {
  const disk = cut.snapshot.powerLoss(loss, DISK_OPTIONS)
  const before = survey(disk)
  const life = new LoggedLife(disk, cut.nowMs, scenario.options, cut.books, cuts)
  for (const { content } of before.log) life.require(placesIn(content)) // the disk has them
  for (const content of before.hidden) life.require(placesIn(content))
  await life.log.settled()
  await life.turns(2) // events come in a turn of their own
  expectAsLeft(before, survey(disk), life)

  await life.append(2)
  await life.sync()
  await life.log.rotate()
  await life.append(2)
  await life.log.prune()
  await life.log.settled()
  await life.log.close()
  disk.watch = undefined
  expectSound(disk, life)
  return life
}

/** Opening the log has lost nothing of what was left, and added no more than what it told of. */
function expectAsLeft(before: Survey, after: Survey, life: LoggedLife): void {
  const left = [...before.log.map(({ content }) => content), ...before.hidden]
  const torn = left.map(tornBytes)
  const tornInAll = torn.reduce((sum, bytes) => sum + bytes, 0)
  const expected = { finished: before.leftovers, tornBytes: tornInAll }
  expect(life.recovered, 'what `recover` told').to.deep.equal(expected)
  const kept = after.log.map(({ content }) => content)
  const found = [...kept, ...life.removed].map(content => content.toString('latin1'))
  for (const [index, content] of left.entries()) {
    const closed = content.toString('latin1') + ((torn[index] ?? 0) > 0 ? '\n' : '')
    const place = found.indexOf(closed)
    if (place !== -1) found.splice(place, 1)
    const { name = 'a hidden file' } = before.log[index] ?? {}
    expect(place !== -1 || closed === '', `${name} is as it was left`).to.equal(true)
  }
}

/** What always holds of a log that is closed. */
function expectSound(disk: ForgetfulDisk, life: LoggedLife): void {
  const { log, hidden, leftovers } = survey(disk)
  expect({ hidden, leftovers }).to.deep.equal({ hidden: [], leftovers: 0 })
  expect(disk.openCount, 'descriptors that are open').to.equal(0)
  const { taken, required, pruned, held } = life.books
  const places: number[] = []
  for (const { name, content } of log) {
    expect(tornBytes(content), `the end of ${name}`).to.equal(0)
    places.push(...placesIn(content))
  }
  for (const [index, place] of places.entries()) {
    expect(place, 'in order, each once').to.be.greaterThan(places[index - 1] ?? -1)
  }
  const there = new Set(places)
  const missing = [...required].filter(place => !there.has(place) && !pruned.has(place))
  expect(missing, 'missing records').to.deep.equal([])
  expect(places.filter(place => place >= taken)).to.deep.equal([])
  for (const path of held) expectHeld(disk, path)
  expectNames(disk)
  const troubles = life.troubles.filter(({ message }) => !message.includes('holds nothing'))
  expect(
    troubles.map(error => error.message),
    'warnings',
  ).to.deep.equal([])
}

function expectHeld(disk: ForgetfulDisk, path: string): void {
  const names = disk.names(DIRECTORY)
  const some = (...paths: string[]): boolean => paths.some(one => names.includes(basename(one)))
  expect(some(path, `${path}.gz`), `${path} is there`).to.equal(true)
  const reasons = [`${path}.hold`, `${path}.gz.hold`].map(hold => String(disk.peek(hold)))
  expect(reasons, `why ${path} is held`).to.include(REASON)
}

function expectNames(disk: ForgetfulDisk): void {
  const names = disk.names(DIRECTORY)
  const strangers = names.filter(name => {
    const plain = name.endsWith('.hold') ? name.slice(0, -'.hold'.length) : name
    return plain !== basename(PATH) && !parseBackupName(PATH, plain) && !OTHERS.has(name)
  })
  expect(strangers, 'names that are left over').to.deep.equal([])
}

/** Looks at all that a log has on a disk, without any call. */
function survey(disk: ForgetfulDisk): Survey {
  const names = disk.names(DIRECTORY)
  const log: { name: string; content: Buffer }[] = []
  const inodes = new Set<number | undefined>()
  for (const name of names.filter(one => parseBackupName(PATH, one))) {
    const file = { path: at(name), archived: name.endsWith('.gz') }
    const other = file.archived ? plainPath(file) : archivePath(file)
    const isTwin = file.archived && names.includes(basename(other))
    if (isTwin) continue // its source counts
    const content = readFile(disk, file.path)
    if (!content) throw new Error(`${name} is no whole archive, and has no source`)
    log.push({ name, content })
    inodes.add(disk.inode(file.path))
  }
  let leftovers = 0
  const hidden: Buffer[] = []
  for (const name of names.filter(one => PRIVATE.test(one))) {
    leftovers++
    if (inodes.has(disk.inode(at(name))) || disk.inode(at(name)) === disk.inode(PATH)) continue
    hidden.push(disk.peek(at(name)) ?? Buffer.alloc(0))
  }
  const active = disk.peek(PATH)
  if (inodes.has(disk.inode(PATH))) leftovers++
  else if (active) log.push({ name: basename(PATH), content: active })
  return { log, hidden, leftovers }
}

/** Bytes at the end that no line end closes. */
function tornBytes(content: Buffer): number {
  return content.length - (content.lastIndexOf(0x0a) + 1)
}
