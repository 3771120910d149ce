import { EventEmitter } from 'node:events'
import { expect } from 'chai'
import { AppenderReport, type FileAppenderEvents } from '../../lib/appender/appender-report.js'
import { plainBackup } from '../../lib/backup/backup.js'
import { RollkeeperError } from '../../lib/platform/rollkeeper-error.js'

describe('AppenderReport', () => {
  const backup = plainBackup('/logs/audit.log', new Date(0), 1)
  const error = new RollkeeperError('ERR_ROLLKEEPER_FULL', 'full')
  let emitter: EventEmitter<FileAppenderEvents>
  let report: AppenderReport
  let heard: unknown[][]

  beforeEach(() => {
    emitter = new EventEmitter()
    report = new AppenderReport(emitter)
    heard = []
    for (const event of ['drain', 'archive', 'prune', 'warning'] as const) {
      emitter.on(event, (...told: unknown[]) => heard.push([event, ...told]))
    }
  })

  const nextTurn = (): Promise<void> => new Promise(setImmediate)

  it('tells in a later turn, in the order in which things happened', async () => {
    report.tell('drain')
    report.archived(backup)
    report.pruned([backup])
    report.warn(error)
    expect(heard).to.deep.equal([])
    await nextTurn()
    const all = [['drain'], ['archive', backup], ['prune', [backup]], ['warning', error]]
    expect(heard).to.deep.equal(all)
  })

  it('counts at once', () => {
    expect(report.counts).to.include({ archived: 0, pruned: 0, errors: 0, lastError: undefined })
    report.archived(backup)
    report.pruned([backup, backup])
    report.warn(error)
    const last = new RollkeeperError('ERR_ROLLKEEPER_SYNC', 'failed')
    report.fail(last)
    expect(report.counts).to.include({ archived: 1, pruned: 2, errors: 2, lastError: last })
  })

  it('tells of an error as a warning, where nobody listens for errors', async () => {
    report.fail(error)
    await nextTurn()
    expect(heard).to.deep.equal([['warning', error]])
  })

  it('tells of an error as such, where somebody does', async () => {
    emitter.on('error', told => heard.push(['error', told]))
    report.fail(error)
    await nextTurn()
    expect(heard).to.deep.equal([['error', error]])
  })
})
