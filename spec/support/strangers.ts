import fs from 'node:fs'
import { basename, dirname, join } from 'node:path'

/** When all strangers were changed last. */
const CHANGED_AT = new Date('2016-01-02T03:04:05.000Z')

/** The name of a backup, before a directory or a link got it. */
const PERFECT = '2016-09-02T03-04-05'

/**
 * Puts files of others beside a log: with names that are nearly those of a log `audit.log`, or a
 * directory and a link whose names are just so. Returns their names.
 */
export function plantStrangers(path: string): string[] {
  const directory = dirname(path)
  const names = strangersOf(path)
  for (const name of names) {
    const place = join(directory, name)
    if (isDirectory(name)) {
      fs.mkdirSync(place)
      fs.writeFileSync(join(place, 'inside'), contentOf(name))
    } else if (isLink(name)) fs.symlinkSync(targetOf(path), place)
    else fs.writeFileSync(place, contentOf(name))
    fs.lutimesSync(place, CHANGED_AT, CHANGED_AT)
  }
  return names
}

/** Names of the strangers, planted or not. */
export function strangersOf(path: string): string[] {
  const active = basename(path)
  const base = active.slice(0, active.lastIndexOf('.'))
  return [
    `${active}.1`,
    `${active}.lock`,
    `.${active}.rotating~`,
    `.${active}.rotating.02`,
    `.${base}-${PERFECT}.100.log.tmp`,
    `${base}-2016-09-02.log`,
    `${base}-${PERFECT}.1.log`,
    `${base}-${PERFECT}.100.LOG`,
    `${base}-${PERFECT}.100.log.bak`,
    `${base}2-${PERFECT}.100.log`,
    `${base}-${PERFECT}.200.log`, // a directory
    `${base}-${PERFECT}.300.log`, // a link
  ]
}

/** What is not as it was planted, one sentence each. */
export function findTouchedStrangers(path: string): string[] {
  return strangersOf(path).flatMap(name => {
    const place = join(dirname(path), name)
    const status = fs.lstatSync(place, { throwIfNoEntry: false })
    if (!status) return [`foreign touched: ${name} is gone`]
    const isAsPlanted = isLink(name)
      ? status.isSymbolicLink() && fs.readlinkSync(place) === targetOf(path)
      : hasContent(isDirectory(name) ? join(place, 'inside') : place, name)
    if (!isAsPlanted) return [`foreign touched: ${name} is something else`]
    return status.mtimeMs === +CHANGED_AT ? [] : [`foreign touched: ${name} was changed`]
  })
}

function hasContent(file: string, name: string): boolean {
  return fs.existsSync(file) && fs.readFileSync(file, 'utf8') === contentOf(name)
}

function contentOf(name: string): string {
  return `${name} belongs to somebody else\n`
}

function isDirectory(name: string): boolean {
  return name.includes(`-${PERFECT}.200.`)
}

function isLink(name: string): boolean {
  return name.includes(`-${PERFECT}.300.`)
}

/** What the link leads to: one of the other strangers. */
function targetOf(path: string): string {
  return `${basename(path)}.1`
}
