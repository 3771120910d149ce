import { expect } from 'chai'
import { parseHttpOptions } from '../../lib/http/http-options.js'

describe('parseHttpOptions', () => {
  it('has the defaults that are documented', () => {
    const settings = parseHttpOptions({})
    expect(settings).to.include({
      user: undefined,
      namespace: undefined,
      insecure: false,
      mode: 'blocking',
      acceptAuditId: false,
      maxWaitMs: 1000,
    })
    expect([...settings.redacted]).to.deep.equal(['access_token', 'token', 'password'])
  })

  it('takes what is given', () => {
    const settings = parseHttpOptions({
      redactQuery: [],
      insecure: true,
      mode: 'batch',
      acceptAuditId: true,
      maxWait: { minutes: 2 },
    })
    expect(settings).to.include({
      insecure: true,
      mode: 'batch',
      acceptAuditId: true,
      maxWaitMs: 120_000,
    })
    expect(settings.redacted.size).to.equal(0)
  })

  it('calls user and namespace with the request, and gives what they give', () => {
    const request = {} as never
    const { user, namespace } = parseHttpOptions({
      user: given => (given === request ? 'jane' : undefined),
      namespace: given => (given === request ? 'mine' : undefined),
    })
    expect(user?.(request)).to.equal('jane')
    expect(namespace?.(request)).to.equal('mine')
  })

  const wrong: readonly [object, string][] = [
    [{ user: 'jane' }, 'option user: expected a function of the request'],
    [{ namespace: 'mine' }, 'option namespace: expected a function of the request'],
    [{ user: null }, 'option user'],
    [{ trustProxy: true }, 'option trustProxy'],
    [{ redactQuery: 'token' }, 'option redactQuery'],
    [{ insecure: 1 }, 'option insecure: expected true or false'],
    [{ mode: 'strict' }, 'option mode: expected "blocking" or "blocking-strict" or "batch"'],
    [{ acceptAuditId: 'yes' }, 'option acceptAuditId: expected true or false'],
    [{ maxWait: 'soon' }, 'option maxWait'],
    [{ maxWait: -1 }, 'option maxWait'],
    [{ maxWait: '25d' }, 'option maxWait: expected at most 24 days'],
    [{ trustProxies: false }, 'got trustProxies; did you mean trustProxy?'],
  ]
  for (const [options, message] of wrong) {
    it(`refuses ${JSON.stringify(options)}`, () => {
      expect(() => parseHttpOptions(options)).to.throw(message)
    })
  }

  it('refuses what is no object', () => {
    for (const none of [null, 'x', 42]) {
      expect(() => parseHttpOptions(none as never)).to.throw(TypeError, 'options')
    }
  })
})
