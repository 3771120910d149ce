import { expect } from 'chai'
import { WriteFailure } from '../../lib/appender/write-failure.js'
import { RollkeeperError } from '../../lib/platform/rollkeeper-error.js'
import { systemError } from '../support/faulty-disk.js'

const PATH = '/logs/audit.log'

describe('WriteFailure', () => {
  for (const code of ['ENOSPC', 'EDQUOT']) {
    it(`takes ${code} for a lack of room, also where our own error tells of it`, () => {
      const cause = systemError(code)
      const wrapped = new RollkeeperError('ERR_ROLLKEEPER_OPEN', 'cannot open', { cause })
      for (const one of [cause, wrapped]) {
        const failure = new WriteFailure(PATH, one)
        expect(failure).to.include({ isFull: true, why: code })
        expect(failure.stalled()).to.include({
          code: 'ERR_ROLLKEEPER_FULL',
          path: PATH,
          cause: one,
        })
        expect(failure.final(0, 0).code).to.equal('ERR_ROLLKEEPER_FULL')
      }
    })
  }

  it('takes anything else for another failure', () => {
    const failure = new WriteFailure(PATH, systemError('EIO'))
    expect(failure).to.include({ isFull: false, why: 'EIO' })
    expect(failure.stalled().code).to.equal('ERR_ROLLKEEPER_WRITE')
    expect(new WriteFailure(PATH, new Error('the write took nothing')).why).to.equal(
      'the write took nothing',
    )
  })

  it('says what becomes of records: they wait, one is refused, or they are lost', () => {
    const failure = new WriteFailure(PATH, systemError('ENOSPC'))
    expect(failure.stalled().message).to.equal(`cannot write ${PATH} (ENOSPC); records wait`)
    const refused = failure.refused('ERR_ROLLKEEPER_DROPPED', 'the record is dropped', 16)
    expect(refused.code).to.equal('ERR_ROLLKEEPER_DROPPED')
    expect(refused.message).to.equal(
      `the record is dropped: maxPending (16 bytes) waits while ${PATH} cannot be written (ENOSPC)`,
    )
    expect(failure.final(3, 600).message).to.equal(
      `cannot write ${PATH} (ENOSPC); it is closed, and 3 records (600 bytes) are lost`,
    )
    expect(failure.final(0, 0).message).to.include('and a line that tells of a gap is lost')
  })
})
