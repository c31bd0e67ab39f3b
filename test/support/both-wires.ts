/** One fake provider behind the product twice: over chat completions and over responses. */
import type { FakeProvider } from './fake-provider.js';

/** Lines of a configuration: two providers on one fake server, the same model over either wire. */
export const bothWires = ({ baseUrl }: Pick<FakeProvider, 'baseUrl'>): string => `
  - name: chat
    base_url: ${baseUrl}
    api_key: secret-of-the-provider
    models: [{ name: model }]
  - name: wire
    wire: responses
    base_url: ${baseUrl}
    api_key: secret-of-the-provider
    models: [{ name: model }]`;
export const WIRES = ['chat/model', 'wire/model'];
