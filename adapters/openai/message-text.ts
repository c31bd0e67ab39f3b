/** Text and arguments of earlier messages, in the form every provider takes. */
import { isJsonText } from './wire-reader.js';

/** Half a surrogate pair is not valid UTF-8; providers refuse the whole request for it. */
export function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\uFFFD');
}

/**
 * Arguments of an earlier call, echoed to the provider. Many servers parse them again and refuse the whole conversation
 * when a model once wrote bad JSON, so bad JSON is wrapped into an object that shows it.
 */
export function echoedArguments(text: string): string {
  if (text.trim() === '') return '{}';
  return isJsonText(text) ? wellFormed(text) : JSON.stringify({ unparsed_arguments: wellFormed(text) });
}
