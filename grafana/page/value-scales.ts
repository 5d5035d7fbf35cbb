import type uPlot from 'uplot';
import { textOf, type Field } from './field.js';
import type { Series } from './series.js';
import { axisLook } from './time-chart.js';

// uPlot declares its constants as enums that exist in its types only.
/* eslint-disable @typescript-eslint/no-unsafe-enum-assignment -- see above */
const LOGARITHMIC: uPlot.Scale.Distr = 3;
const RIGHT: uPlot.Axis.Side = 1;
const LEFT: uPlot.Axis.Side = 3;
/* eslint-enable @typescript-eslint/no-unsafe-enum-assignment */

const WHOLE_STEPS = [1, 2, 5, 10, 20, 25, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 1e6, 1e7, 1e8, 1e9];

/** Groups lines by unit, and by side if the panel sets one, on a shared scale. */
export function scaleOf({ config: { unit = 'none', custom } }: Field): string {
  return `y ${unit} ${custom?.axisPlacement === 'right' ? 'right' : 'left'}`;
}

/** The first line of each scale determines its look. */
function scaleFields(lines: Series[]): Map<string, Field> {
  const fields = new Map<string, Field>();
  for (const { field } of lines) {
    if (!fields.has(scaleOf(field))) fields.set(scaleOf(field), field);
  }
  return fields;
}

export function scalesOf(lines: Series[], isPercent: boolean): Record<string, uPlot.Scale> {
  return Object.fromEntries([...scaleFields(lines)].map(([name, field]) => [name, scale(field, isPercent)]));
}

function scale({ config: { min, max, unit, custom } }: Field, isPercent: boolean): uPlot.Scale {
  if (isPercent) return { range: [0, 1] };
  const { scaleDistribution, axisSoftMin, axisSoftMax } = custom ?? {};
  if (scaleDistribution?.type === 'log') return { distr: LOGARITHMIC, log: scaleDistribution.log === 2 ? 2 : 10 };
  // A rate's axis ends at its highest point, not at 100 %, if that leaves a visible range.
  const isRate = unit === 'percentunit';
  return {
    // Without a visible line there is no lowest and no highest value.
    range: (_, low: number | null, high: number | null) => {
      const top = Math.max(high ?? 0, axisSoftMax ?? (isRate ? 0.05 : 1));
      const bottom = min ?? Math.min(low ?? 0, axisSoftMin ?? 0);
      return [bottom, max === undefined || isRate ? Math.min(top * 1.1, max ?? Infinity) : max];
    },
  };
}

export function axesOf(lines: Series[], isPercent: boolean): uPlot.Axis[] {
  return [...scaleFields(lines)].flatMap(([name, field], index) => {
    const { decimals, custom } = field.config;
    if (custom?.axisPlacement === 'hidden') return [];
    const isRight = custom?.axisPlacement === 'right' || (index > 0 && custom?.axisPlacement !== 'left');
    const look = axisLook();
    return [
      {
        ...look,
        scale: name,
        side: isRight ? RIGHT : LEFT,
        // One grid is enough.
        grid: { ...look.grid, show: index === 0 },
        size: (_: uPlot, values: string[] | null) =>
          Math.max(40, 14 + 7 * Math.max(0, ...(values ?? []).map((text) => text.length))),
        ...(custom?.axisLabel === undefined || custom.axisLabel === ''
          ? {}
          : { label: custom.axisLabel, labelSize: 18 }),
        // Whole numbers only, if the panel shows whole numbers.
        ...(decimals === 0 && !isPercent && custom?.scaleDistribution?.type !== 'log' ? { incrs: WHOLE_STEPS } : {}),
        values: (_: uPlot, ticks: (number | null)[]) =>
          ticks.map((tick) =>
            tick === null ? '' : isPercent ? `${String(Math.round(tick * 100))} %` : textOf(tick, field),
          ),
      },
    ];
  });
}
