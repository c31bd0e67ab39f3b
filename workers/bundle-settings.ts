/** How the workflows of this configuration are bundled, and which build that makes. */
import type { WorkerDeploymentVersion } from '@temporalio/common';
import type { Config } from '../adapters/config/load-config.js';
import { FAILURE_CONVERTER_PATH } from '../adapters/temporal/data-converter.js';
import { workflowBuildId } from './bundle-workflows.js';
import { hasMasterKey } from './open-secrets.js';

export interface WorkflowBuild {
  readonly buildId: string;
  /** Null without a deployment: turns are not pinned to builds. */
  readonly version: WorkerDeploymentVersion | null;
}

/** Where payloads are encrypted, what a workflow says of its failures is one of them. */
export function bundleSettings(config: Config): { readonly failureConverterPath?: string } {
  return hasMasterKey(config) ? { failureConverterPath: FAILURE_CONVERTER_PATH } : {};
}

export async function workflowBuild(config: Config): Promise<WorkflowBuild> {
  const buildId = await workflowBuildId(bundleSettings(config));
  const deploymentName = config.temporal.deployment;
  return { buildId, version: deploymentName === undefined ? null : { deploymentName, buildId } };
}
