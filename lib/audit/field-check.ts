import { isUint8Array } from 'node:util/types'
import { outOfRange, wrongType } from '../arguments/argument-error.js'

/** Throws TypeError if `value` is no object, so that no field of it can be read. */
export function checkObject(name: string, value: unknown): void {
  if (typeof value !== 'object' || value === null) throw wrongType(name, 'an object', value)
}

/** Throws TypeError if `value` is no `AuditText`. */
export function checkText(name: string, value: unknown): void {
  if (typeof value !== 'string' && !isUint8Array(value)) {
    throw wrongType(name, 'a string or a Uint8Array', value)
  }
}

/** Throws TypeError if `values` is neither absent (undefined or null) nor an array of texts. */
export function checkTexts(name: string, values: unknown): void {
  if (values === undefined || values === null) return
  if (!Array.isArray(values)) throw wrongType(name, 'an array of strings', values)
  for (const value of values) checkText(`an element of ${name}`, value)
}

/** Throws TypeError if `values` is neither absent (undefined or null) nor an array of strings. */
export function checkStrings(name: string, values: unknown): void {
  if (values === undefined || values === null) return
  if (!Array.isArray(values)) throw wrongType(name, 'an array of strings', values)
  for (const value of values) {
    if (typeof value !== 'string') throw wrongType(`an element of ${name}`, 'a string', value)
  }
}

/**
 * Throws TypeError if `code` is no number, and RangeError if it is no HTTP status code, 100 to 999,
 * nor 0 for none.
 */
export function checkCode(name: string, code: unknown): void {
  if (typeof code !== 'number') throw wrongType(name, 'an integer', code)
  if (!Number.isInteger(code) || (code !== 0 && (code < 100 || code > 999))) {
    throw outOfRange(name, 'an integer from 100 to 999, or 0', code)
  }
}

/** Throws TypeError or RangeError if `count` is no whole number, 0 or more. */
export function checkCount(name: string, count: unknown): void {
  if (typeof count !== 'number') throw wrongType(name, 'an integer', count)
  if (!Number.isSafeInteger(count) || count < 0) {
    throw outOfRange(name, 'an integer, 0 or more', count)
  }
}
