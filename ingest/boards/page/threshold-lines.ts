import type uPlot from 'uplot';
import { cssColor } from './colors.js';
import type { Panel } from './model.js';

/** Dashed lines where a panel's thresholds begin, if it shows them. */
export function drawThresholds(u: uPlot, panel: Panel): void {
  const { thresholds, custom } = panel.fieldConfig?.defaults ?? {};
  const style = (custom?.thresholdsStyle as { mode?: string } | undefined)?.mode ?? 'off';
  if (!['dashed', 'line', 'dashed+area', 'line+area'].includes(style)) return;
  const { ctx } = u;
  const { left, top, width, height } = u.bbox;
  ctx.save();
  ctx.lineWidth = devicePixelRatio;
  if (style.startsWith('dashed')) ctx.setLineDash([6 * devicePixelRatio, 5 * devicePixelRatio]);
  for (const { value, color } of thresholds?.steps ?? []) {
    if (value === null) continue;
    const y = u.valToPos(value, 'y', true);
    if (y < top || y > top + height) continue;
    ctx.strokeStyle = cssColor(color);
    ctx.globalAlpha = 0.7;
    ctx.beginPath();
    ctx.moveTo(left, y);
    ctx.lineTo(left + width, y);
    ctx.stroke();
  }
  ctx.restore();
}
