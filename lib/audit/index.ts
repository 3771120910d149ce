export { auditGapRecord, formatRequest, formatResponse } from './audit-line.js'
export { AuditLog } from './audit-log.js'
export type { AuditLogOptions, AuditLogRequest, AuditSink } from './audit-log.js'
export type {
  AuditFormat,
  AuditGap,
  AuditRequest,
  AuditRequestFields,
  AuditResponse,
  AuditText,
  AuditTime,
  ParsedGap,
  ParsedLine,
  ParsedRequest,
  ParsedResponse,
} from './audit-record.js'
export { goQuote, goUnquote } from './go-quote.js'
export { parseLine } from './parsed-line.js'
export { rfc3339Nano } from './rfc3339.js'
