import type uPlot from 'uplot';
import type { BoardPanel } from '#schemas/board.js';
import { cssColor, withAlpha } from './colors.js';

/** Draws lines at a panel's thresholds, and the areas above them, if the panel shows them. */
export function drawThresholds(u: uPlot, panel: BoardPanel, scale: string): void {
  const { thresholds, custom } = panel.fieldConfig?.defaults ?? {};
  const style = custom?.thresholdsStyle?.mode ?? 'off';
  if (style === 'off' || style === 'series') return;
  const {
    ctx,
    bbox: { left, top, width, height },
  } = u;
  const steps = thresholds?.steps ?? [];
  const within = (y: number): number => Math.min(Math.max(y, top), top + height);
  ctx.save();
  if (style.includes('area')) {
    steps.forEach(({ value, color }, index) => {
      const next = steps[index + 1]?.value ?? null;
      const low = value === null ? top + height : within(u.valToPos(value, scale, true));
      const high = next === null ? top : within(u.valToPos(next, scale, true));
      ctx.fillStyle = withAlpha(cssColor(color), 0.1);
      ctx.fillRect(left, high, width, low - high);
    });
  }
  if (style !== 'area') {
    ctx.lineWidth = devicePixelRatio;
    ctx.globalAlpha = 0.7;
    if (style.startsWith('dashed')) ctx.setLineDash([6 * devicePixelRatio, 5 * devicePixelRatio]);
    for (const { value, color } of steps) {
      const y = value === null ? -1 : u.valToPos(value, scale, true);
      if (y < top || y > top + height) continue;
      ctx.strokeStyle = cssColor(color);
      ctx.beginPath();
      ctx.moveTo(left, y);
      ctx.lineTo(left + width, y);
      ctx.stroke();
    }
  }
  ctx.restore();
}
