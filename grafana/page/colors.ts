/** Lines without a colour of their own take these in turn; told apart by the colour-blind too (Okabe and Ito). */
const PALETTE_SIZE = 8;

/** A Grafana colour name, or one of the palette (`line-3`), as the stylesheet has it for dark or light. */
export function cssColor(name: string): string {
  if (/^#[0-9a-f]{3,8}$/i.test(name)) return name;
  if (name === 'text' || name === 'transparent') return name === 'text' ? property('--text') : name;
  const known = name.replace(/^(semi-dark|light|super-light)-/, '');
  return property(`--${known}`) || property('--line-1');
}

/** The same for lines and areas, which need no words to be read on them: brighter on white. */
export function fillColor(name: string): string {
  return property(`--fill-${name.replace(/^(semi-dark|light|super-light)-/, '')}`) || cssColor(name);
}

export function lineColor(index: number): string {
  return cssColor(`line-${String((index % PALETTE_SIZE) + 1)}`);
}

function property(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** The spot of colour before a name. */
export function swatch(color: string): HTMLElement {
  const element = document.createElement('i');
  element.className = 'swatch';
  element.style.background = color;
  return element;
}

/** A hex colour as one that lets through; other notations as they are. */
export function withAlpha(color: string, alpha: number): string {
  const [, short] = /^#([0-9a-f]{3})$/i.exec(color) ?? [];
  const long = short === undefined ? color : short.replace(/./g, '$&$&').replace(/^/, '#');
  if (!/^#[0-9a-f]{6}$/i.test(long)) return color;
  return (
    long +
    Math.round(alpha * 255)
      .toString(16)
      .padStart(2, '0')
  );
}

/** Black or white, whichever is easier to read on a hex colour (WCAG's luminance). */
export function inkOn(color: string): string {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const part = parseInt(withAlpha(color, 1).slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? '#000000' : '#ffffff';
}
