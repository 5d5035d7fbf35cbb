const NUMBER = new Map<number | undefined, Intl.NumberFormat>();

/** Units that are a number with a suffix. */
const SUFFIXES: Readonly<Record<string, string>> = {
  percent: ' %',
  celsius: ' °C',
  hertz: ' Hz',
  reqps: ' req/s',
  ops: ' ops/s',
  eps: ' events/s',
  cps: ' c/s',
  rps: ' reads/s',
  wps: ' writes/s',
  rowsps: ' rows/s',
  iops: ' io/s',
  cpm: ' c/m',
  opm: ' ops/m',
  rpm: ' reads/m',
  pps: ' p/s',
};
/** Seconds per unit of time. */
const TIMES: Readonly<Record<string, number>> = {
  ns: 1e-9,
  µs: 1e-6,
  us: 1e-6,
  ms: 1e-3,
  s: 1,
  m: 60,
  h: 3_600,
  d: 86_400,
  dtdurations: 1,
  dtdurationms: 1e-3,
};
const SIZES: Readonly<Record<string, readonly [base: number, first: number]>> = {
  bytes: [1024, 0],
  kbytes: [1024, 1],
  mbytes: [1024, 2],
  gbytes: [1024, 3],
  decbytes: [1000, 0],
  deckbytes: [1000, 1],
  decmbytes: [1000, 2],
  decgbytes: [1000, 3],
};

/** Formats a number in one of Grafana's units. */
export function formatNumber(value: number, unit = 'none', decimals?: number): string {
  if (unit === 'percentunit')
    return `${digits(value * 100, decimals ?? (value !== 0 && Math.abs(value) < 0.1 ? 1 : 0))} %`;
  if (unit === 'short' && Math.abs(value) >= 10_000) return short(value);
  if (unit.startsWith('suffix:')) return `${digits(value, decimals)}${unit.slice('suffix:'.length)}`;
  if (unit.startsWith('prefix:')) return `${unit.slice('prefix:'.length)}${digits(value, decimals)}`;
  if (unit === 'bool_yes_no') return value === 0 ? 'No' : 'Yes';
  if (unit === 'bool') return value === 0 ? 'False' : 'True';
  if (unit.startsWith('dateTime') || unit === 'time') return formatTime(value, unit);
  const suffix = SUFFIXES[unit];
  if (suffix !== undefined) return digits(value, decimals) + suffix;
  const seconds = TIMES[unit];
  if (seconds !== undefined) return formatDuration(value * seconds, decimals);
  const size = SIZES[unit.replace(/^binBps$/, 'bytes').replace(/^Bps$/, 'decbytes')];
  if (size !== undefined) return formatSize(value, size, decimals) + (/Bps$/.test(unit) ? '/s' : '');
  return digits(value, decimals);
}

/** Returns the largest unit that leaves a number of at least 1. */
function formatDuration(seconds: number, decimals?: number): string {
  const steps = [
    [86_400, 'd'],
    [3_600, 'h'],
    [60, 'min'],
    [1, 's'],
    [1e-3, 'ms'],
    [1e-6, 'µs'],
  ] as const;
  const [length, name] =
    steps.find(([each]) => Math.abs(seconds) >= each) ??
    (seconds === 0 ? ([1, 's'] as const) : ([1e-9, 'ns'] as const));
  const value = seconds / length;
  return `${digits(value, decimals ?? (value < 10 && !Number.isInteger(value) ? 1 : 0))} ${name}`;
}

function formatSize(value: number, [base, first]: readonly [number, number], decimals?: number): string {
  const names = base === 1024 ? ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] : ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let [size, at] = [value, first];
  while (Math.abs(size) >= base && at < names.length - 1) [size, at] = [size / base, at + 1];
  return `${digits(size, decimals ?? (at === 0 || size >= 100 ? 0 : 1))} ${names[at] ?? ''}`;
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

/** Formats local date and time, to the second; with the unit `dateTimeFromNow`, the time since then. */
export function formatTime(ms: number, unit?: string): string {
  if (Number.isNaN(ms)) return '';
  if (unit === 'dateTimeFromNow') return fromNow(ms - Date.now());
  const date = new Date(ms);
  return `${formatDay(date)} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

function fromNow(ms: number): string {
  const units = [
    ['day', 86_400_000],
    ['hour', 3_600_000],
    ['minute', 60_000],
    ['second', 1_000],
  ] as const;
  const [name, length] = units.find(([, each]) => Math.abs(ms) >= each) ?? ['second', 1_000];
  return new Intl.RelativeTimeFormat('en', { numeric: 'auto' }).format(Math.trunc(ms / length), name);
}

/** Returns the label of a tick: the part of the time that differs from its neighbours, which are `stepSeconds` away. */
export function formatTick(seconds: number, stepSeconds: number): string {
  const date = new Date(seconds * 1_000);
  const isMidnight = date.getHours() === 0 && date.getMinutes() === 0;
  if (stepSeconds >= 86_400 || (isMidnight && stepSeconds >= 60))
    return `${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const minutes = `${two(date.getHours())}:${two(date.getMinutes())}`;
  return stepSeconds >= 60 ? minutes : `${minutes}:${two(date.getSeconds())}`;
}

function formatDay(date: Date): string {
  return `${String(date.getFullYear())}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}
