const NUMBER = new Map<number | undefined, Intl.NumberFormat>();

/** A number in one of the units our boards use, as people read it. */
export function formatNumber(value: number, unit = 'none', decimals?: number): string {
  if (unit === 'percentunit') return `${digits(value * 100, decimals ?? (value !== 0 && Math.abs(value) < 0.1 ? 1 : 0))} %`;
  if (unit === 'percent') return `${digits(value, decimals)} %`;
  if (unit === 'ms') return `${digits(value, decimals)} ms`;
  if (unit === 's') return `${digits(value, decimals)} s`;
  if (unit === 'short' && Math.abs(value) >= 10_000) return short(value);
  return digits(value, decimals);
}

function digits(value: number, decimals?: number): string {
  let format = NUMBER.get(decimals);
  if (format === undefined) {
    format = new Intl.NumberFormat('en', {
      minimumFractionDigits: decimals ?? 0,
      maximumFractionDigits: decimals ?? 2,
      useGrouping: true,
    });
    NUMBER.set(decimals, format);
  }
  return format.format(value);
}

function short(value: number): string {
  return new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 }).format(value);
}

const two = (value: number): string => String(value).padStart(2, '0');

/** Local date and time, to the second. */
export function formatTime(ms: number): string {
  const date = new Date(ms);
  return `${formatDay(date)} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** The label of a tick: as much of the time as tells it from its neighbours, which are `stepSeconds` away. */
export function formatTick(seconds: number, stepSeconds: number): string {
  const date = new Date(seconds * 1_000);
  const isMidnight = date.getHours() === 0 && date.getMinutes() === 0;
  if (stepSeconds >= 86_400 || (isMidnight && stepSeconds >= 60)) return `${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const minutes = `${two(date.getHours())}:${two(date.getMinutes())}`;
  return stepSeconds >= 60 ? minutes : `${minutes}:${two(date.getSeconds())}`;
}

function formatDay(date: Date): string {
  return `${String(date.getFullYear())}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}
