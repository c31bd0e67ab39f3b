/** File names on their way in and out of the jail: plain names, whatever was asked for. */
const MAX_NAME_BYTES = 200;

/** A name without folders, control characters, leading dots or spaces; `out/plot.png` becomes `out_plot.png`. */
export function plainFilename(name: string): string {
  const flat = Buffer.from(name, 'utf8')
    .toString('utf8')
    // Control and format characters (also the ones that reverse reading direction), separators, and what shells and Windows refuse.
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '')
    .replace(/[/\\:*?"<>|]+/g, '_')
    .replace(/^[.\s_]+|[.\s]+$/g, '');
  let cut = flat;
  // Cut at the front: the extension says what the file is.
  while (Buffer.byteLength(cut) > MAX_NAME_BYTES) cut = cut.slice(1).replace(/^[\uDC00-\uDFFF]/, '');
  return cut === '' ? 'file' : cut;
}

/** Plain names that differ from each other: `a.csv`, `a-2.csv`. */
export function distinctFilenames(names: readonly string[]): readonly string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    const plain = plainFilename(name);
    const dot = plain.lastIndexOf('.');
    const [stem, extension] = dot > 0 ? [plain.slice(0, dot), plain.slice(dot)] : [plain, ''];
    let candidate = plain;
    for (let number = 2; taken.has(candidate.toLowerCase()); number += 1) candidate = `${stem}-${number}${extension}`;
    taken.add(candidate.toLowerCase());
    return candidate;
  });
}
