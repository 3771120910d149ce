import { spawnSync } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { join } from 'node:path'
import { expect } from 'chai'
import fs from 'fs-extra'
import { FileAppender } from '../../lib/appender/file-appender.js'
import type { FileAppenderOptions } from '../../lib/appender/options.js'
import { AuditLog, type AuditSink } from '../../lib/audit/audit-log.js'
import { auditGapRecord } from '../../lib/audit/audit-line.js'
import { parseLine } from '../../lib/audit/parsed-line.js'
import { auditHandler } from '../../lib/http/audit-handler.js'
import type { AuditMode } from '../../lib/http/http-options.js'
import { FaultyDisk } from '../support/faulty-disk.js'
import { HastyPlatform } from '../support/hasty-platform.js'
import { RawClient } from '../support/http-client.js'
import { HttpLog, pairsIn } from '../support/http-log.js'
import { httpServers, SERVER_KINDS } from '../support/http-servers.js'
import { readLines } from '../support/log-directory.js'
import { waitFor } from '../support/run-program.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const MODES = ['blocking', 'blocking-strict', 'batch'] as const

/** A log on a disk that can be made impossible to write to, and possible again. */
interface Patient {
  readonly log: FileAppender
  readonly path: string
  readonly breakDisk: () => void
  readonly healDisk: () => void
}

type Make = (options?: Partial<FileAppenderOptions>) => Patient

describe('a server whose log fails', () => {
  const start = httpServers()
  const at = temporaryDirectory()
  const opened: FileAppender[] = []
  let small = ''
  let mounted = false

  beforeEach(() => {
    small = at('small')
    fs.mkdirSync(small)
    const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', small])
    mounted = mount.status === 0
  })
  afterEach(async () => {
    await Promise.all(opened.splice(0).map(log => log.close().catch(() => undefined)))
    if (mounted) spawnSync('umount', ['--lazy', small])
  })

  function open(
    path: string,
    disk: FaultyDisk,
    options: Partial<FileAppenderOptions>,
  ): FileAppender {
    const all = { path, gapRecord: auditGapRecord, ...options }
    const log = new FileAppender(all, new HastyPlatform(disk.disk))
    opened.push(log)
    return log
  }

  const onFullDisk: Make = (options = {}) => {
    const path = join(small, 'audit.log')
    const ballast = join(small, 'ballast')
    return {
      log: open(path, new FaultyDisk(), options),
      path,
      breakDisk: () => {
        const { status } = spawnSync('dd', ['if=/dev/zero', `of=${ballast}`, 'bs=4096'])
        expect(status, 'the disk is full').to.equal(1)
      },
      healDisk: () => fs.removeSync(ballast),
    }
  }

  const onDeadDisk: Make = (options = {}) => {
    const disk = new FaultyDisk()
    const path = at('audit.log')
    return {
      log: open(path, disk, options),
      path,
      breakDisk: () => disk.fail('write', 'EIO'),
      healDisk: () => disk.heal(),
    }
  }

  interface Served {
    readonly audit: AuditLog
    /** Asks one after another; gives the codes that the client saw. */
    readonly ask: (count?: number) => Promise<(number | undefined)[]>
    /** How many requests reached the handler. */
    readonly handled: () => number
  }

  async function serve(sink: AuditSink, mode: AuditMode): Promise<Served> {
    const audit = new AuditLog(sink)
    let handled = 0
    const handler = auditHandler(audit, (_, response) => response.end(String(handled++)), {
      mode,
      insecure: true,
      maxWait: '1s',
    })
    const server = await start(await SERVER_KINDS[0]!.make(handler), 'plain')
    const ask = async (count = 1): Promise<(number | undefined)[]> => {
      const client = await RawClient.open(server)
      for (let asked = 1; asked <= count; asked++) {
        client.ask()
        await client.answered(asked)
      }
      await client.leave()
      return client.answers().map(({ code }) => code)
    }
    return { audit, ask, handled: () => handled }
  }

  for (const mode of MODES) {
    const isStrict = mode === 'blocking-strict'
    const code = isStrict ? 500 : 200

    it(`answers ${code} when it is closed, and counts, mode ${mode}`, async () => {
      const { log } = onDeadDisk()
      const { audit, ask, handled } = await serve(log, mode)
      expect(await ask()).to.deep.equal([200])
      await log.close()
      expect(await ask(3)).to.deep.equal([code, code, code])
      expect(handled()).to.equal(isStrict ? 1 : 4)
      const rejectedRequests = isStrict ? 3 : 0
      expect(audit.stats()).to.deep.equal({ events: 8, errors: 6, rejectedRequests })
    })

    it(`answers ${code} when it throws or rejects, and counts, mode ${mode}`, async () => {
      const log = new HttpLog()
      const { audit, ask, handled } = await serve(log, mode)
      log.failure = new Error('of the log')
      expect(await ask(2)).to.deep.equal([code, code])
      log.failure = undefined
      expect(await ask(2)).to.deep.equal([200, 200])
      expect(handled()).to.equal(isStrict ? 2 : 4)
      expect(log.codes()).to.deep.equal([200, 200])
      const rejectedRequests = isStrict ? 2 : 0
      expect(audit.stats()).to.deep.equal({ events: 8, errors: 4, rejectedRequests })
    })
  }

  const disks: readonly [string, Make][] = [
    ['on a full disk', onFullDisk],
    ['on a dead disk', onDeadDisk],
  ]
  for (const [where, make] of disks) {
    for (const mode of ['blocking', 'blocking-strict'] as const) {
      const isStrict = mode === 'blocking-strict'
      const code = isStrict ? 500 : 200

      it(`${where} answers ${code}, and keeps all when it can again, mode ${mode}`, async function () {
        if (make === onFullDisk && !mounted) skip(this)
        const { log, path, breakDisk, healDisk } = make()
        const { audit, ask, handled } = await serve(log, mode)
        expect(await ask()).to.deep.equal([200])
        breakDisk()
        // Enough to fill what the last page of the file has left.
        const codes = await ask(60)
        const failed = audit.stats().errors
        expect(failed).to.be.greaterThan(0)
        const passed = Array<number>(60 - failed).fill(200)
        expect(codes).to.deep.equal([...passed, ...Array<number>(failed).fill(code)])
        expect(handled()).to.equal(isStrict ? 61 - failed : 61)
        expect(audit.stats().rejectedRequests).to.equal(isStrict ? failed : 0)
        healDisk()
        await waitFor('all lines', () => log.stats().pendingBytes === 0)
        expect(await ask(2)).to.deep.equal([200, 200])
        await log.flush()
        expect(audit.stats()).to.include({ events: 126, errors: failed })
        const kept = pairsIn(readLines(path)).map(pair => pair.code)
        expect(kept).to.deep.equal([200, ...codes, 200, 200])
      })
    }

    it(`${where} never waits in mode batch, and tells of what it drops`, async function () {
      if (make === onFullDisk && !mounted) skip(this)
      const { log, path, breakDisk, healDisk } = make({ maxPending: 8192 })
      const { audit, ask, handled } = await serve(log, 'batch')
      breakDisk()
      const codes = await ask(200)
      expect(codes).to.deep.equal(Array<number>(200).fill(200))
      expect(handled()).to.equal(200)
      expect(log.stats().pendingBytes).to.be.at.most(8192)
      const { errors } = audit.stats()
      expect(errors).to.equal(log.stats().dropped).and.be.greaterThan(0)
      healDisk()
      await waitFor('room', () => log.stats().pendingBytes === 0)
      expect(await ask()).to.deep.equal([200])
      await log.flush()
      const lines = readLines(path)
      const gaps = lines.map(line => parseLine(line)).filter(line => line?.kind === 'gap')
      const lost = gaps.reduce((sum, gap) => sum + gap.records, 0)
      expect(lost).to.equal(errors)
      expect(audit.stats()).to.deep.equal({ events: 402, errors, rejectedRequests: 0 })
      expect(lines.length - gaps.length).to.equal(402 - errors)
    })
  }

  for (const mode of MODES) {
    it(`counts what is not on stable storage, durability sync, mode ${mode}`, async () => {
      const disk = new FaultyDisk()
      const log = open(at('audit.log'), disk, { durability: 'sync' })
      const { audit, ask, handled } = await serve(log, mode)
      expect(await ask()).to.deep.equal([200])
      await waitFor('all is synced', () => log.stats().pendingBytes === 0)
      await log.sync()
      disk.fail('datasync', 'EIO', { times: 1 })
      const isStrict = mode === 'blocking-strict'
      expect(await ask()).to.deep.equal([isStrict ? 500 : 200])
      await log.flush()
      disk.heal()
      await log.sync().catch(() => undefined)
      expect(await ask()).to.deep.equal([200])
      expect(handled()).to.equal(isStrict ? 2 : 3)
      expect(audit.stats().errors > 0).to.equal(mode !== 'batch')
      expect(audit.stats().rejectedRequests).to.equal(isStrict ? 1 : 0)
    })
  }

  it('tells of each on a diagnostics channel', async () => {
    const heard: [string, unknown][] = []
    const names = ['event', 'error', 'rejected'].map(name => `rollkeeper:audit:${name}`)
    const listen = (message: unknown, name: string | symbol): void => {
      heard.push([String(name).replace('rollkeeper:audit:', ''), message])
    }
    for (const name of names) subscribe(name, listen)
    try {
      const log = new HttpLog()
      const { audit, ask } = await serve(log, 'blocking-strict')
      await ask()
      log.failure = new Error('of the log')
      await ask()
      const counted = heard.map(([name]) => name).sort()
      expect(counted).to.deep.equal([
        ...Array<string>(2).fill('error'),
        ...Array<string>(4).fill('event'),
        'rejected',
      ])
      expect(audit.stats()).to.deep.equal({ events: 4, errors: 2, rejectedRequests: 1 })
      const [pair] = log.pairs()
      expect(heard[0]).to.deep.equal(['event', { id: pair?.request.id, line: log.lines[0] }])
      const error = heard.find(([name]) => name === 'error')?.[1]
      expect(error).to.have.property('error', log.failure)
    } finally {
      for (const name of names) unsubscribe(name, listen)
    }
  })
})

function skip(test: Mocha.Context): never {
  console.log('      skipped: cannot mount a tmpfs here')
  return test.skip()
}
