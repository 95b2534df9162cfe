// Numbers for people.

const UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB"];

function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}

export function bytes(count: number): string {
  let unit = 0;
  while (count >= 1024 && unit < UNITS.length - 1) {
    count /= 1024;
    unit++;
  }
  return `${short(count)} ${count === 1 && unit === 0 ? "byte" : UNITS[unit]}`;
}

export function seconds(value: number): string {
  if (value >= 1 || value === 0) return `${short(value)} s`;
  return value >= 0.001 ? `${short(value * 1e3)} ms` : `${short(value * 1e6)} µs`;
}

/** "1 file", "3 files" */
export function count(number: number, noun: string, plural = `${noun}s`): string {
  return `${number} ${number === 1 ? noun : plural}`;
}
