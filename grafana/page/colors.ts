/** Colours of lines without their own, in order; distinguishable for colour-blind readers (Okabe and Ito). */
const PALETTE_SIZE = 8;

/**
 * Returns a Grafana colour name, or one of the palette (`line-3`), as the stylesheet defines it for the dark or light
 * theme.
 */
export function cssColor(name: string): string {
  if (/^#[0-9a-f]{3,8}$/i.test(name)) return name;
  if (name === 'text' || name === 'transparent') return name === 'text' ? property('--text') : name;
  const known = name.replace(/^(semi-dark|light|super-light)-/, '');
  return property(`--${known}`) || property('--line-1');
}

/** The same for lines and areas, which need no contrast with text: brighter on white. */
export function fillColor(name: string): string {
  return property(`--fill-${name.replace(/^(semi-dark|light|super-light)-/, '')}`) || cssColor(name);
}

export function lineColor(index: number): string {
  return cssColor(`line-${String((index % PALETTE_SIZE) + 1)}`);
}

function property(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** Returns the dot of colour before a name. */
export function swatch(color: string): HTMLElement {
  const element = document.createElement('i');
  element.className = 'swatch';
  element.style.background = color;
  return element;
}

/** Returns a hex colour with transparency; other notations unchanged. */
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

/** Returns black or white, whichever has more contrast with a hex colour (WCAG luminance). */
export function inkOn(color: string): string {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const part = parseInt(withAlpha(color, 1).slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? '#000000' : '#ffffff';
}
