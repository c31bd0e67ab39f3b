/** Conversations in the OpenAI shape, plus title, archived and snippet. Pure. */
import type { Conversation } from '../../domain/ports/conversation-store.js';

export interface ConversationObject {
  readonly id: string;
  readonly object: 'conversation';
  readonly created_at: number;
  readonly updated_at: number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly title: string | null;
  readonly archived: boolean;
  readonly last_response_id: string | null;
}

export function toConversationObject(conversation: Conversation): ConversationObject {
  return {
    id: conversation.id,
    object: 'conversation',
    created_at: Math.floor(conversation.createdAtMs / 1000),
    updated_at: Math.floor(conversation.updatedAtMs / 1000),
    metadata: conversation.metadata,
    title: conversation.title,
    archived: conversation.archived,
    last_response_id: conversation.headTurnId,
  };
}
