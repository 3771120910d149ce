import { expect } from 'chai'
import { LastingChild } from '../../benchmarks/lasting-child.js'

const folder = new URL('../../benchmarks/', import.meta.url)

describe('LastingChild', () => {
  it('does what it is asked, one after another, until its end', async () => {
    const child = new LastingChild(new URL('http-child.mjs', folder))
    try {
      const { makeAuthority } = await import('../../docs/examples/certificates.js')
      const tls = await (await makeAuthority()).server()
      const port = await child.ask('listen', { contender: 'bare', tls })
      expect(port).to.be.within(1, 65_535)
      expect(await child.ask('cpuMs')).to.be.greaterThan(0)
    } finally {
      await child.end()
    }
  })

  it('says when the program has ended instead of answering', async () => {
    const child = new LastingChild(new URL('no-such-child.mjs', folder))
    const error = await child.ask('listen').catch((reason: unknown) => reason)
    expect(String(error)).to.match(/no-such-child\.mjs ended with 1|EPIPE|ERR_IPC_CHANNEL_CLOSED/)
    await child.end()
  })
})
