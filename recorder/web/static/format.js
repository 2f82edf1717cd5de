// Numbers, times and names as text. Where nothing is known there is a dash.
export const NONE = "–";
const GAP = "\u202f"; // narrow no-break space between thousands
const YEAR_2000_MS = 946684800000; // before it no time was ever known

const known = (value) => typeof value === "number" && Number.isFinite(value);

export function count(value) {
  if (!known(value)) return NONE;
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, GAP);
}

// Significant digits without an exponent where a person reads it as a number.
export function number(value, digits = 3) {
  if (!known(value)) return NONE;
  if (value === 0) return "0";
  const size = Math.floor(Math.log10(Math.abs(value)));
  if (size > 8 || size < -6) return value.toExponential(digits - 1);
  const text = value.toFixed(Math.max(0, digits - 1 - size));
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

export function fixed(value, digits) {
  return known(value) ? value.toFixed(digits) : NONE;
}

// A share as a number of per cent, without the sign; finer near both ends, where the
// ends of an interval would be rounded into each other.
export function share(value) {
  if (!known(value)) return NONE;
  const percent = 100 * value;
  const toEnd = Math.min(Math.abs(percent), Math.abs(100 - Math.abs(percent)));
  return percent.toFixed(toEnd > 1e-9 && toEnd < 9.95 ? 1 : 0);
}

export function percent(value) {
  return known(value) ? `${share(value)} %` : NONE;
}

export function twoDigits(value) {
  return known(value) ? `${(100 * value).toFixed(2)} %` : NONE;
}

export function interval(pair) {
  return pair ? `${share(pair[0])}–${share(pair[1])}` : NONE;
}

export function signed(value, text) {
  if (!known(value)) return NONE;
  return value < 0 ? `−${text(-value)}` : `+${text(value)}`;
}

// How long, for people: two digits are enough.
export function duration(seconds) {
  if (!known(seconds)) return NONE;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${(seconds / 3600).toFixed(1)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

// A time of an event chain, with its SI unit.
export function exactTime(seconds, digits = 5) {
  if (!known(seconds)) return NONE;
  if (seconds === 0) return "0 s";
  for (const [unit, size] of [["s", 1], ["ms", 1e-3], ["µs", 1e-6]]) {
    if (Math.abs(seconds) >= size * 0.9999999) {
      return `${number(seconds / size, digits)} ${unit}`;
    }
  }
  return `${number(seconds * 1e9, digits)} ns`;
}

export function bytes(value) {
  if (!known(value)) return NONE;
  for (const [unit, size] of [["TB", 1e12], ["GB", 1e9], ["MB", 1e6], ["kB", 1e3]]) {
    if (value >= size) return `${number(value / size, 3)} ${unit}`;
  }
  return `${value} B`;
}

function toDate(when) {
  const date = typeof when === "number" ? new Date(when / 1e6) : new Date(when || NaN);
  return date.getTime() > YEAR_2000_MS ? date : null;
}

const two = (value) => String(value).padStart(2, "0");

// Of Unix ns or RFC 3339: 18:42:07, with the day where it is not today.
export function clock(when, now = new Date()) {
  const date = toDate(when);
  if (!date) return NONE;
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
  if (date.toDateString() === now.toDateString()) return time;
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())];
  return `${day.join("-")} ${time}`;
}

// What somebody wrote, on one line: what would steer a terminal or the direction of the
// text beside it is shown, not obeyed.
export function visible(value) {
  const told = (c) => `‹U+${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}›`;
  return String(value ?? "")
    .replace(/[\t\n\r]/g, " ")
    .replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, told);
}

const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/;

// The same within a line of ours, whose direction it does not turn.
export function shown(value) {
  const written = visible(value);
  return RIGHT_TO_LEFT.test(written) ? `\u2068${written}\u2069` : written;
}

export function words(key) {
  return shown(key).replace(/_/g, " ");
}
