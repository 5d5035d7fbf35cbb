const DAY_MS = 86_400_000;

/**
 * Formats milliseconds since 1970 as `Date.prototype.toISOString` does, for years with four digits. That method's first
 * call takes 150 microseconds, a tenth of the hook's time.
 */
export function isoTime(milliseconds: number): string {
  const days = Math.floor(milliseconds / DAY_MS);
  const rest = milliseconds - days * DAY_MS;
  // Howard Hinnant's civil_from_days: years begin in March, so that the leap day is the last of the year.
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const ofEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (ofEra - Math.floor(ofEra / 1460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) / 365,
  );
  const ofYear = ofEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const fromMarch = Math.floor((5 * ofYear + 2) / 153);
  const day = ofYear - Math.floor((153 * fromMarch + 2) / 5) + 1;
  const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  const date = `${digits(year, 4)}-${digits(month, 2)}-${digits(day, 2)}`;
  const [hours, minutes, seconds] = [
    Math.floor(rest / 3_600_000),
    Math.floor(rest / 60_000) % 60,
    Math.floor(rest / 1000) % 60,
  ];
  return `${date}T${digits(hours, 2)}:${digits(minutes, 2)}:${digits(seconds, 2)}.${digits(Math.floor(rest % 1000), 3)}Z`;
}

const digits = (value: number, count: number): string => String(value).padStart(count, '0');
