export type { AuditStats } from './audit-counters.js'
export { auditGapEvent, formatEvent } from './audit-event.js'
export type { AuditEvent, EventObject, EventRequest, EventStage, EventUser } from './audit-event.js'
export { auditGapRecord, formatRequest, formatResponse } from './audit-line.js'
export { AuditLog } from './audit-log.js'
export type { AuditLogOptions, AuditLogRequest, AuditSink } from './audit-log.js'
export type {
  AuditFormat,
  AuditGap,
  AuditLogFormat,
  AuditRequest,
  AuditRequestFields,
  AuditResponse,
  AuditText,
  AuditTime,
  ParsedGap,
  ParsedLine,
  ParsedRequest,
  ParsedResponse,
  ResponseStage,
} from './audit-record.js'
export { goQuote, goUnquote } from './go-quote.js'
export { parseLine } from './parsed-line.js'
export { rfc3339Nano } from './rfc3339.js'
