/** The effect of a patch in the format of Codex's `apply_patch` on one file. */
export interface PatchedFile {
  readonly kind: 'add' | 'update' | 'delete';
  readonly path: string;
  /** New path of the file; undefined if it is not moved. */
  readonly movedTo?: string;
  /** The lines below its header, unchanged. */
  readonly lines: readonly string[];
}

const BEGIN = '*** Begin Patch';

/** Returns whether a text may contain a patch. */
export function mayHoldPatch(text: string): boolean {
  return text.includes(BEGIN);
}

/**
 * Returns the files of every patch in a text, which is a tool's argument or a here-document for the command
 * `apply_patch`.
 */
export function patchedFiles(text: string): PatchedFile[] {
  const files: { kind: PatchedFile['kind']; path: string; movedTo?: string; lines: string[] }[] = [];
  for (const line of text.slice(text.indexOf(BEGIN)).split('\n')) {
    const header = /^\s*\*\*\* (Add File|Update File|Delete File|Move to): ?(.*?)\s*$/.exec(line);
    const last = files.at(-1);
    if (header === null) last?.lines.push(line);
    else if (header[1] !== 'Move to')
      files.push({
        kind: header[1] === 'Add File' ? 'add' : header[1] === 'Delete File' ? 'delete' : 'update',
        path: header[2] ?? '',
        lines: [],
      });
    else if (last !== undefined) last.movedTo = header[2] ?? '';
  }
  return files;
}
