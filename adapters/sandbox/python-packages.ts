/**
 * The packages of the Python environment, pinned whole (dependencies too) for each interpreter version, so that the same
 * server installs the same bytes tomorrow. A set is the answer of pip's resolver for its Python version; change it as a set.
 */
export const HEAVY_MODULES: readonly string[] = ['numpy', 'matplotlib.pyplot', 'pandas'];

const SHARED = ['cycler==0.12.1', 'packaging==26.3', 'pyparsing==3.3.3', 'pytz==2026.6', 'tzdata==2026.6'];

const CURRENT = [
  ...SHARED,
  'fonttools==4.68.0',
  'kiwisolver==1.5.1',
  'matplotlib==3.10.6',
  'numpy==2.3.3',
  'pandas==2.3.2',
  'pillow==13.0.0',
  'python-dateutil==4.0.0',
];

const PINS: Readonly<Record<string, readonly string[]>> = {
  '3.9': [
    ...SHARED,
    'contourpy==1.3.0',
    'fonttools==4.60.2',
    'importlib_resources==6.5.2',
    'kiwisolver==1.4.7',
    'matplotlib==3.9.4',
    'numpy==2.0.2',
    'pandas==2.2.3',
    'pillow==11.3.0',
    'python-dateutil==3.0.0',
    'six==1.17.0',
    'zipp==3.23.1',
  ],
  '3.10': [
    ...SHARED,
    'contourpy==1.3.2',
    'fonttools==4.65.0',
    'kiwisolver==1.5.1',
    'matplotlib==3.10.3',
    'numpy==2.2.6',
    'pandas==2.2.3',
    'pillow==12.3.0',
    'python-dateutil==3.0.0',
    'six==1.17.0',
  ],
  '3.11': [...CURRENT, 'contourpy==1.3.3'],
  '3.12': [...CURRENT, 'contourpy==1.4.0'],
  '3.13': [...CURRENT, 'contourpy==1.4.0'],
};

/** Requirements for `3.12` and the like; null when no set is pinned for that version. */
export function packagesFor(pythonVersion: string): readonly string[] | null {
  return PINS[pythonVersion] ?? null;
}
