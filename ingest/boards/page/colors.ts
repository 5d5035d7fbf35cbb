/** Lines without a colour of their own take these in turn; told apart by the colour-blind too (Okabe and Ito). */
export const PALETTE_SIZE = 8;

/** A Grafana colour name, or one of the palette (`line-3`), as the stylesheet has it for dark or light. */
export function cssColor(name: string): string {
  if (/^#[0-9a-f]{3,8}$/i.test(name)) return name;
  const known = name.replace(/^(semi-dark|light|super-light)-/, '');
  return getComputedStyle(document.documentElement).getPropertyValue(`--${known}`).trim() || cssColor('line-1');
}

export function lineColor(index: number): string {
  return cssColor(`line-${String((index % PALETTE_SIZE) + 1)}`);
}
