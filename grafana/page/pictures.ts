import { drawBarChart } from './draw-barchart.js';
import { drawBarGauge } from './draw-bargauge.js';
import { drawPie } from './draw-pie.js';
import { drawStat } from './draw-stat.js';
import { drawStateTimeline } from './draw-state-timeline.js';
import { drawTable } from './draw-table.js';
import { drawText } from './draw-text.js';
import { drawTimeSeries } from './draw-timeseries.js';
import type { Drawing, Picture } from './drawing.js';
import type { DrawnType } from './left-to-grafana.js';

/** Drawing functions by panel type; they return undefined without data. */
export const PICTURES: Readonly<Record<DrawnType, (drawing: Drawing) => Picture | undefined>> = {
  barchart: drawBarChart,
  bargauge: drawBarGauge,
  piechart: drawPie,
  stat: drawStat,
  'state-timeline': drawStateTimeline,
  table: drawTable,
  text: drawText,
  timeseries: drawTimeSeries,
};
