type Values = (number | null | undefined)[][];

/**
 * Returns heights of stacked lines: each starts on those after it in its group, so that all stay visible when drawn in
 * order. A hidden line adds nothing, one without a group (undefined) is not stacked.
 */
export function stack(values: Values, groups: (string | undefined)[], isShown: (index: number) => boolean): Values {
  const heights: Values = [];
  const below = new Map<string, number[]>();
  for (let index = values.length - 1; index >= 0; index -= 1) {
    const group = groups[index];
    const line = values[index] ?? [];
    if (group === undefined) {
      heights[index] = line;
      continue;
    }
    const ground = below.get(group) ?? [];
    below.set(group, ground);
    heights[index] = line.map((value, at) => {
      if (value === null || value === undefined || !isShown(index)) return null;
      const height = (ground[at] ?? 0) + value;
      ground[at] = height;
      return height;
    });
  }
  return heights;
}

/** Returns each value as its share of all visible values of its group at the same time, 0 to 1. */
export function shares(values: Values, isShown: (index: number) => boolean): Values {
  const totals: number[] = [];
  values.forEach((line, index) => {
    if (isShown(index))
      line.forEach((value, at) => {
        totals[at] = (totals[at] ?? 0) + (value ?? 0);
      });
  });
  return values.map((line) =>
    line.map((value, at) =>
      value === null || value === undefined || (totals[at] ?? 0) === 0 ? value : value / (totals[at] ?? 1),
    ),
  );
}
