import { makeAuthority, type Certificate } from '../../docs/examples/certificates.js'

/** What a server and its clients show each other. */
export interface Certificates {
  /** Of the authority; all trust it. */
  readonly ca: string
  readonly server: Certificate
  /** Of the client `jane`, in the groups `dev` and `ops`. */
  readonly jane: Certificate
}

let made: Promise<Certificates> | undefined

/** Certificates for all specs of a run: made once, when first asked for. */
export function httpCertificates(): Promise<Certificates> {
  made ??= make()
  return made
}

async function make(): Promise<Certificates> {
  const authority = await makeAuthority()
  const server = await authority.server()
  const jane = await authority.client('jane', ['dev', 'ops'])
  return { ca: authority.cert, server, jane }
}
