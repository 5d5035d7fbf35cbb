/**
 * Returns a new event id: 48 bits of time, then 104 random bits, as hexadecimal in the form of a UUID. Unique, not
 * secret: uses `Math.random`, since loading `node:crypto` costs a hook two milliseconds.
 */
export function newEventId(): string {
  const time = Date.now().toString(16).padStart(12, '0');
  const random = (): string =>
    Math.floor(Math.random() * 2 ** 52)
      .toString(16)
      .padStart(13, '0');
  const [a, b] = [random(), random()];
  return `${time.slice(0, 8)}-${time.slice(8)}-7${a.slice(0, 3)}-8${a.slice(3, 6)}-${b.slice(0, 12)}`;
}
