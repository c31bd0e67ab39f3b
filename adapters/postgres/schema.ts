/** The tables as kysely sees them. `Json` columns are written as JSON text and read back parsed, as `unknown`. */
import type { ColumnType, Generated } from 'kysely';

type Json = ColumnType<unknown, string, string>;
type NullableJson = ColumnType<unknown, string | null, string | null>;
/** 8-byte integers come from the driver as text. */
type BigInteger = ColumnType<string, number, number>;
type NullableBigInteger = ColumnType<string | null, number | null, number | null>;

export interface ConversationTable {
  tenant_id: string;
  id: string;
  principal_id: string;
  title: string | null;
  metadata: Json;
  archived: Generated<boolean>;
  head_turn_id: string | null;
  has_waiting: Generated<boolean>;
  created_at: Date;
  updated_at: Date;
}

export interface TurnTable {
  tenant_id: string;
  id: string;
  principal_id: string;
  kind: string;
  conversation_id: string | null;
  parent_id: string | null;
  depth: number;
  status: string;
  settings: Json;
  metadata: Json;
  background: boolean;
  stored: boolean;
  request_id: string;
  idempotency_key: string | null;
  request_hash: string | null;
  input_tokens: BigInteger;
  cached_tokens: BigInteger;
  output_tokens: BigInteger;
  reasoning_tokens: BigInteger;
  usage_estimated: boolean;
  cost_micros: BigInteger;
  cost_incomplete: boolean;
  error: NullableJson;
  incomplete_reason: string | null;
  answered_by: string | null;
  next_sequence: BigInteger;
  last_sequence: NullableBigInteger;
  queue_place: NullableBigInteger;
  interrupts: string | null;
  pending_steers: Generated<number>;
  steer_count: Generated<number>;
  created_at: Date;
  completed_at: Date | null;
}

export interface ItemTable {
  tenant_id: string;
  turn_id: string;
  step: number;
  index: number;
  principal_id: string;
  direction: string;
  item_id: string;
  type: string;
  data: Json;
  text: string;
}

export interface ToolCallTable {
  tenant_id: string;
  turn_id: string;
  step: number;
  call_index: number;
  principal_id: string;
  item_id: string;
  model_call_id: string;
  name: string;
  kind: string;
  arguments: string;
  effect: string;
  item_type: string;
  status: string;
  attempt: number;
  result: string | null;
  full_result: string | null;
  result_hash: string | null;
  error: NullableJson;
  duration_ms: NullableBigInteger;
}

export interface ApiKeyTable {
  tenant_id: string;
  id: string;
  principal_id: string;
  name: string;
  scopes: string[];
  hint: string;
  hash: string;
  created_at: Date;
  expires_at: Date | null;
  revoked_at: Date | null;
}

export interface FileTable {
  tenant_id: string;
  id: string;
  principal_id: string;
  filename: string;
  mime_type: string;
  bytes: BigInteger;
  sha256: string;
  purpose: string;
  created_at: Date;
}

export interface TenantKeyTable {
  tenant_id: string;
  id: string;
  master_id: string;
  wrapped: Buffer;
  created_at: Date;
  retired_at: Date | null;
}

export interface TurnCredentialTable {
  tenant_id: string;
  turn_id: string;
  provider: string;
  sealed: Buffer;
  created_at: Date;
}

export interface AuditTable {
  tenant_id: string;
  number: BigInteger;
  at: Date;
  principal_id: string;
  action: string;
  subject: string;
  details: Json;
  request_id: string;
  previous_hash: string;
  hash: string;
}

export interface ApprovalTable {
  tenant_id: string;
  id: string;
  turn_id: string;
  step: number;
  call_index: number;
  conversation_id: string | null;
  principal_id: string;
  item_id: string;
  name: string;
  arguments: string;
  arguments_hash: string;
  effect: string;
  because: string;
  mode: string;
  status: string;
  origin: string | null;
  decided_by: string | null;
  reason: string | null;
  edited_arguments: string | null;
  edited_hash: string | null;
  remember: string | null;
  consent_ended_at: Date | null;
  followed_by: string | null;
  created_at: Date;
  expires_at: Date;
  escalated_at: Date | null;
  decided_at: Date | null;
  heard_at: Date | null;
}

export interface Schema {
  tenants: { tenant_id: string; name: string; created_at: Generated<Date> };
  conversations: ConversationTable;
  turns: TurnTable;
  items: ItemTable;
  tool_calls: ToolCallTable;
  api_keys: ApiKeyTable;
  approvals: ApprovalTable;
  files: FileTable;
  tenant_keys: TenantKeyTable;
  turn_credentials: TurnCredentialTable;
  audit_log: AuditTable;
  revoked_principals: { tenant_id: string; principal_id: string; revoked_at: Date };
}
