// Numbers and times as people say them.

/** Three figures that count, without needless ones. */
export function short(value) {
  if (!Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 100000) return value.toExponential(1).replace("e+", "e");
  if (size >= 100) return Math.round(value).toLocaleString("en");
  if (size < 0.001) return value.toExponential(0);
  return String(+value.toPrecision(size >= 10 ? 3 : 2));
}

/** A part as per cent. */
export const percent = (part) => `${short(100 * part)} %`;

export const whole = (value) => Math.round(value).toLocaleString("en");

/** Time as one or two units: 45 s, 12 min, 3 h 5 min. */
export function duration(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 100) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return `${Math.round(hours / 24)} days`;
}

/** Time of day, with the day when it is another one. */
export function clock(date, now = new Date()) {
  const time = date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hour12: false });
  if (date.toDateString() === now.toDateString()) return time;
  return `${date.toLocaleDateString("en", { weekday: "short", day: "numeric", month: "short" })} ${time}`;
}

export function size(bytes) {
  if (!Number.isFinite(bytes)) return "–";
  for (const [unit, power] of [["TB", 1e12], ["GB", 1e9], ["MB", 1e6]]) {
    if (bytes >= power) return `${short(bytes / power)} ${unit}`;
  }
  return `${Math.round(bytes / 1000)} kB`;
}
