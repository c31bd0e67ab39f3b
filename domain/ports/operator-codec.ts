/** Temporal payloads for operators: what the Temporal UI and CLI ask a codec server for. Payloads are in their JSON form. */

export interface JsonPayload {
  /** Values in base64. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Base64. */
  readonly data?: string | undefined;
}

export interface DecodedPayload {
  readonly payload: JsonPayload;
  /** Null: it was not encrypted, or is of a tenant the caller may not read; then it is as it came. */
  readonly opened: { readonly tenantId: string; readonly workflowId: string } | null;
}

export interface OperatorCodec {
  /**
   * @param mayRead whose payloads the caller may see; those of others come back as they are.
   * @throws `request.invalid` for one that cannot be read.
   */
  decode(payloads: readonly JsonPayload[], mayRead: (tenantId: string) => boolean): Promise<readonly DecodedPayload[]>;
  /** For a tenant, and bound to none of its workflows: they do not say which they are for. */
  encode(tenantId: string, payloads: readonly JsonPayload[]): Promise<readonly JsonPayload[]>;
}
