/**
 * Where an outside Temporal is, by the standard names every Temporal tool reads (TEMPORAL_ADDRESS, TEMPORAL_PROFILE, …).
 * A profile file that merely lies in the home folder is not enough: a bare `npm start` never joins a cluster by accident.
 */
import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { ClientConnectConfig } from '@temporalio/envconfig';
import { toError } from '../../domain/failures.js';

export type TemporalConnectionOptions = ClientConnectConfig['connectionOptions'];

export interface TemporalProfile {
  /** Null: none is named, the embedded server is used. */
  readonly address: string | null;
  readonly namespace: string;
  /** TLS, API key and headers; holds secrets. */
  readonly connection: TemporalConnectionOptions;
}

export interface TemporalProfileReading {
  readonly profile: TemporalProfile;
  readonly problems: readonly string[];
}

const SELECTORS = ['TEMPORAL_ADDRESS', 'TEMPORAL_PROFILE', 'TEMPORAL_CONFIG_FILE'] as const;

export function readTemporalProfile(variables: Readonly<Record<string, string>>): TemporalProfileReading {
  const selected = SELECTORS.find((name) => variables[name] !== undefined);
  const embedded: TemporalProfile = {
    address: null,
    namespace: variables['TEMPORAL_NAMESPACE'] ?? 'default',
    connection: {},
  };
  if (selected === undefined) return { profile: embedded, problems: [] };
  try {
    const { connectionOptions, namespace } = loadClientConnectConfig({ overrideEnvVars: { ...variables } });
    const address = connectionOptions.address;
    if (address === undefined) {
      return {
        profile: embedded,
        problems: [
          `${selected}=${variables[selected] ?? ''} names a Temporal profile without an address: add one, or set TEMPORAL_ADDRESS.`,
        ],
      };
    }
    return { profile: { address, namespace: namespace ?? 'default', connection: connectionOptions }, problems: [] };
  } catch (error) {
    return {
      profile: embedded,
      problems: [
        `${selected}=${variables[selected] ?? ''}: the Temporal connection settings cannot be read (${toError(error).message}): correct the TEMPORAL_* variables.`,
      ],
    };
  }
}
