/** Passes a value off as any type, as a caller without TypeScript does. */
export function mistyped(value: unknown): never {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- this is what it is for
  return value as never
}
