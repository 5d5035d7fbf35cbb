/**
 * Heights of stacked lines: each stands on those after it in the list, so that drawing them in order leaves
 * all to be seen. A line that is not shown carries nothing.
 */
export function stack(values: (number | null | undefined)[][], isShown: (index: number) => boolean): (number | null | undefined)[][] {
  const heights: (number | null | undefined)[][] = [];
  const below: number[] = [];
  for (let index = values.length - 1; index >= 0; index -= 1) {
    heights[index] = (values[index] ?? []).map((value, at) => {
      if (value === null || value === undefined || !isShown(index)) return null;
      const height = (below[at] ?? 0) + value;
      below[at] = height;
      return height;
    });
  }
  return heights;
}
