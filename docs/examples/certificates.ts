/**
 * Certificates for a demonstration or a test, made anew each time: an authority, servers and clients
 * that it vouches for. Nothing is written to the disk.
 */
import { randomUUID } from 'node:crypto'
import { generate } from 'selfsigned'

/** A certificate with its private key, both PEM. */
export interface Certificate {
  readonly key: string
  readonly cert: string
}

/** An authority; `cert` is what others have to trust. */
export interface Authority extends Certificate {
  /** Makes a certificate for a server. `names` are host names and addresses, by default of this host. */
  server(names?: readonly string[]): Promise<Certificate>
  /** Makes a certificate for a client: the user is its common name, the groups its organizations. */
  client(user: string, groups?: readonly string[]): Promise<Certificate>
}

type Options = NonNullable<Parameters<typeof generate>[1]>

/** Makes an authority with a key and a name of its own. All certificates are valid for a day. */
export async function makeAuthority(): Promise<Authority> {
  // Who trusts two authorities finds them by their names.
  const name = `rollkeeper example CA ${randomUUID()}`
  const ca = await makeCertificate([{ name: 'commonName', value: name }], {
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  })
  return {
    ...ca,
    server: (names = ['localhost', '127.0.0.1', '::1']) => makeServer(ca, names),
    client: (user, groups = []) => makeClient(ca, user, groups),
  }
}

function makeServer(ca: Certificate, names: readonly string[]): Promise<Certificate> {
  return makeCertificate([{ name: 'commonName', value: escaped(names[0] ?? 'localhost') }], {
    ca,
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: names.map(name =>
          /^[\d.]+$|:/.test(name) ? { type: 7, ip: name } : { type: 2, value: name },
        ),
      },
    ],
  })
}

function makeClient(
  ca: Certificate,
  user: string,
  groups: readonly string[],
): Promise<Certificate> {
  const organizations = groups.map(group => ({ name: 'organizationName', value: escaped(group) }))
  return makeCertificate([...organizations, { name: 'commonName', value: escaped(user) }], {
    ca,
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', clientAuth: true },
    ],
  })
}

async function makeCertificate(
  subject: { name: string; value: string }[],
  options: Options,
): Promise<Certificate> {
  const now = Date.now()
  const made = await generate(subject, {
    keyType: 'ec',
    algorithm: 'sha256',
    // An hour ago, for clients whose clock is behind.
    notBeforeDate: new Date(now - 3_600_000),
    notAfterDate: new Date(now + 86_400_000),
    ...options,
  })
  return { key: made.private, cert: made.cert }
}

/** The subject is given as text, in which some characters stand for themselves only like this. */
function escaped(value: string): string {
  return value.replace(/[,+"\\<>;=#]|^ | $/g, String.raw`\$&`)
}
