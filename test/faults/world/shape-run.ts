/** What a shape needs of the world it runs in. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Violation } from '../checker/violation.js';
import type { ShapeRun } from '../shapes/shape.js';
import type { World } from './world.js';

export interface ShapeRunOptions extends Omit<ShapeRun, 'apiUrl' | 'fileUrl' | 'broken' | 'temporalAddress'> {
  /** What the shape itself finds broken is put there. */
  readonly broken: Violation[];
}

export function shapeRunOf(world: World, { broken, ...rest }: ShapeRunOptions): ShapeRun {
  return {
    ...rest,
    apiUrl: world.apiUrl,
    fileUrl: `${world.outside.ledgerUrl}note.txt`,
    broken: (inv, what) => void broken.push({ inv, where: rest.tag, what }),
    temporalAddress: () => {
      const { port } = JSON.parse(readFileSync(join(world.dataDir, 'temporal.json'), 'utf8')) as { port: number };
      return `127.0.0.1:${port}`;
    },
  };
}
