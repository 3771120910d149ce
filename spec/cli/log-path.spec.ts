import { resolve } from 'node:path'
import { expect } from 'chai'
import { activePathsOf, parseLogPath } from '../../lib/cli/log-path.js'
import { UsageError } from '../../lib/cli/report.js'

const TIME = '2016-09-07T13-03-57.400'

describe('parseLogPath', () => {
  it('gives an absolute path', () => {
    expect(parseLogPath('logs/../audit.log')).to.equal(resolve('audit.log'))
  })

  for (const path of ['', 'logs/']) {
    it(`refuses ${JSON.stringify(path)}, which is no file`, () => {
      expect(() => parseLogPath(path)).to.throw(UsageError, /^path: expected /)
    })
  }

  it('refuses a backup, and tells its log', () => {
    const act = (): string => parseLogPath(`/logs/audit-${TIME}.log.gz`)
    expect(act).to.throw(UsageError, "the log's own file, /logs/audit.log")
  })
})

describe('activePathsOf', () => {
  const backups: [string, string[]][] = [
    [`/l/audit-${TIME}.log`, ['/l/audit.log']],
    [`/l/audit-${TIME}.log.gz`, ['/l/audit.log']],
    [`/l/my-audit-${TIME}.log`, ['/l/my-audit.log']],
    [`/l/audit-${TIME}`, ['/l/audit']],
    [`/l/audit-${TIME}.gz`, ['/l/audit', '/l/audit.gz']],
    [`/l/audit-${TIME}.gz.gz`, ['/l/audit.gz']],
    [`/l/audit.tar-${TIME}.gz`, ['/l/audit.tar.gz']],
    [`/l/-${TIME}.audit`, ['/l/.audit']],
    [`/l/a-${TIME}-${TIME}.log`, [`/l/a-${TIME}.log`]],
    [`audit-${TIME}.log`, ['audit.log']],
    ['/l/audit.log', []],
    ['/l/audit-2016-09-07.log', []],
    [`/l/audit-${TIME}.log.hold`, []],
    [`/l/audit-2016-02-30T13-03-57.400.log`, []],
    [`/l/-${TIME}`, []],
    ['', []],
  ]
  for (const [backup, actives] of backups) {
    it(`gives [${actives.join()}] for ${backup}`, () => {
      expect(activePathsOf(backup)).to.deep.equal(actives)
    })
  }
})
