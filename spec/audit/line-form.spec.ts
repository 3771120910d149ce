import { expect } from 'chai'
import { KubernetesForm } from '../../lib/audit/line-form.js'
import { mistyped } from './mistyped.js'

const now = (): { seconds: number; nanos: number } => ({ seconds: 1_473_253_437, nanos: 4e8 })
const inUtc = (): number => 0

describe('KubernetesForm', () => {
  const form = new KubernetesForm('1.6', { now }, inUtc)

  it('writes the lines of its format, with the time of the call in its zone', () => {
    const fields = { method: 'GET', uri: '/', groups: ['a'] }
    const groups = String.raw`groups="\"a\"" as="<self>" asgroups="<lookup>"`
    expect(form.requestLine('x', fields)).to.equal(
      `2016-09-07T13:03:57.4Z AUDIT: id="x" ip="<nil>" method="GET" user="<none>" ${groups} namespace="<none>" uri="/"\n`,
    )
    const eastern = new KubernetesForm('1.4', { now }, () => 7200)
    expect(eastern.responseLine('x', 200, 'ResponseComplete')).to.equal(
      '2016-09-07T15:03:57.4+02:00 AUDIT: id="x" response="200"\n',
    )
  })

  it('writes a panic as any response', () => {
    const line = '2016-09-07T13:03:57.4Z AUDIT: id="x" response="500"\n'
    expect(form.responseLine('x', 500, 'Panic')).to.equal(line)
  })

  it('refuses the stage that it has no line for, and what is no stage or id', () => {
    const started = (): string => form.responseLine('x', 200, 'ResponseStarted')
    const message = `response.stage: expected 'ResponseComplete' or 'Panic', as format 1.6 has no`
    expect(started).to.throw(RangeError, message)
    expect(() => form.responseLine('x', 200, mistyped('Done'))).to.throw(RangeError, `got 'Done'`)
    expect(() => form.responseLine(mistyped(7), 200, 'Panic')).to.throw(TypeError, 'response.id')
  })
})
