// The only file that turns dates, durations, bytes and counts into what people read.

const two = (n: number) => String(n).padStart(2, '0');

/** Milliseconds since 1970 of an RFC 3339 time. */
export const time = (iso: string): number => Date.parse(iso);

/** `14:07` */
export function clock(ms: number): string {
  const d = new Date(ms);
  return `${two(d.getHours())}:${two(d.getMinutes())}`;
}

/** `14:07:12` */
export function clockSeconds(ms: number): string {
  return `${clock(ms)}:${two(new Date(ms).getSeconds())}`;
}

/** `14:07:12.04`, for lists in which the order within a second matters. */
export function clockFine(ms: number): string {
  return `${clockSeconds(ms)}.${two(Math.floor((((ms % 1000) + 1000) % 1000) / 10))}`;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `14:07:12` of today, `21 Nov 14:07` of another day. */
export function when(ms: number, now: number): string {
  const [d, today] = [new Date(ms), new Date(now)];
  if (d.toDateString() === today.toDateString()) return clockSeconds(ms);
  return `${d.getDate()} ${MONTHS[d.getMonth()]} ${clock(ms)}`;
}

/** `41 s`, `4:12`, `3 h 10 m`: whole seconds, rounded down so that a ticking clock never runs ahead. */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)}:${two(s % 60)}`;
  const minutes = Math.floor(s / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} m`;
}

/** A measured length: `0.04 s`, `2.4 s`, then as `duration`. */
export function measured(seconds: number): string {
  if (seconds < 0.995) return `${Math.max(0, seconds).toFixed(2)} s`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  return duration(Math.round(seconds));
}

/** What is to come is only about so: `40 s`, `4 min`, `2 h 10 m`. */
export function roughly(seconds: number): string {
  if (seconds < 99.5) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 5970) return `${Math.round(seconds / 60)} min`;
  return duration(seconds);
}

/** A length against another: `0.42 ×`. */
export const ratio = (n: number): string => `${n.toFixed(2)} ×`;

/** How old something is: `0 s`, `12 s`, `4 min`, `3 h`, `2 d`. */
export function age(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 100) return `${s} s`;
  if (s < 6000) return `${Math.floor(s / 60)} min`;
  if (s < 172_800) return `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86_400)} d`;
}

/** A long stretch: `41 s`, `52 min`, `14 h 38 m`, `7 d 4 h`, `321 d`, `6 y 201 d`. */
export function span(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 6000) return age(ms);
  if (s < 172_800) return duration(s);
  const days = Math.floor(s / 86_400);
  if (days < 100) return `${days} d ${Math.floor((s % 86_400) / 3600)} h`;
  if (days < 365) return `${days} d`;
  const years = Math.floor(days / 365);
  return years < 100 ? `${years} y ${days % 365} d` : `${years} y`;
}

/** A date near now: `05:41` of today, `tomorrow 05:41`, `21 Nov 05:41`, `21 Nov 2031`. */
export function date(ms: number, now: number): string {
  const [d, today] = [new Date(ms), new Date(now)];
  const day = (offset: number) =>
    new Date(today.getFullYear(), today.getMonth(), today.getDate() + offset).toDateString();
  if (d.toDateString() === day(0)) return clock(ms);
  if (d.toDateString() === day(1)) return `tomorrow ${clock(ms)}`;
  if (d.toDateString() === day(-1)) return `yesterday ${clock(ms)}`;
  const of = `${d.getDate()} ${MONTHS[d.getMonth()]}`;
  return d.getFullYear() === today.getFullYear() ? `${of} ${clock(ms)}` : `${of} ${d.getFullYear()}`;
}

/** The same where two dates stand together: `today 05:41`. */
export const dated = (ms: number, now: number): string => {
  const text = date(ms, now);
  return text === clock(ms) ? `today ${text}` : text;
};

/** So many a second: `212/s`, `3.4/s`, `0.2/s`. */
export const rate = (n: number): string => `${n < 9.95 && n > 0 ? n.toFixed(1) : count(n)}/s`;

/** A share of one: `41 %`. */
export const percent = (share: number): string => `${Math.round(share * 100)} %`;

/** Decimal, as network and disk makers count: `812 B`, `1.4 MB`, `61 MB`. */
export function bytes(n: number): string {
  return scaled(n, 1000, ['B', 'kB', 'MB', 'GB', 'TB']);
}

/** Binary, as memory is built: `512 MiB`, `8 GiB`. */
export function memory(n: number): string {
  return scaled(n, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB']);
}

function scaled(n: number, base: number, units: string[]): string {
  let [value, unit] = [n, 0];
  while (value >= base * 0.9995 && unit < units.length - 1) {
    value /= base;
    unit += 1;
  }
  const digits = unit > 0 && value < 9.95 && Math.abs(value - Math.round(value)) > 0.049 ? 1 : 0;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

/** `3,412` */
export const count = (n: number): string => String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, ',');

/** A moment within a boot: `0.04 s`, `10.3 s`, then as `duration`; finer than a length, since moments lie close together. */
export const moment = (seconds: number): string =>
  seconds < 9.995
    ? `${seconds.toFixed(2)} s`
    : seconds < 99.95
      ? `${seconds.toFixed(1)} s`
      : duration(seconds);

/** Seconds at the foot of an axis, whose unit stands beside it. */
export const axisSeconds = (seconds: number): string =>
  seconds < 600 ? String(Math.round(seconds * 100) / 100) : duration(seconds);

/** The first letter large, for a phrase that stands alone. */
export const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
