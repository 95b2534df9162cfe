// The last five minutes, from samples; what is older leaves. Counters that went back (the front was started again) count from 0.

import { total, type Histogram, type Sample } from "./metrics";

export const SPAN_MS = 300_000;
export const INTERVAL_MS = 2_000;
const GAP_MS = 5 * INTERVAL_MS; // nobody looked, or the service did not answer: what was between is not known
const LATENCY_MS = 10_000; // a quantile of one interval would be of a few runs
const MINUTE_MS = 60_000;

/** What the charts show of one time; null where nothing can be said. */
export interface Point {
  at: number;
  rate: number | null; // runs a second since the point before
  p50: number | null; // seconds, of the runs of the last ten
  p99: number | null;
  queue99: number | null;
  running: number;
  waiting: number;
  ready: number;
}

function grown(now: number, before: number): number {
  return now >= before ? now - before : now;
}

/** By name, how much each has grown. */
export function growth(now: Map<string, number>, before: Map<string, number>): Map<string, number> {
  return new Map([...now].map(([name, value]) => [name, grown(value, before.get(name) ?? 0)]));
}

/** The quantile of what came between two samples, as Prometheus' histogram_quantile has it; null of nothing. */
export function quantile(now: Histogram, before: Histogram, q: number): number | null {
  const restarted = (now.counts.at(-1) ?? 0) < (before.counts.at(-1) ?? 0);
  const counts = now.counts.map((count, i) => count - (restarted ? 0 : (before.counts[i] ?? 0)));
  const wanted = (counts.at(-1) ?? 0) * q;
  if (wanted <= 0) return null;
  let lower = 0;
  let below = 0;
  for (const [i, count] of counts.entries()) {
    const bound = now.bounds[i] ?? Infinity;
    if (count >= wanted) return bound === Infinity ? lower : lower + ((bound - lower) * (wanted - below)) / (count - below);
    lower = bound;
    below = count;
  }
  return null;
}

export class History {
  private readonly samples: Sample[] = [];
  readonly points: Point[] = [];

  add(sample: Sample): void {
    const last = this.samples.at(-1);
    const before = last && sample.at - last.at <= GAP_MS ? last : undefined;
    this.samples.push(sample);
    this.forget(this.samples, sample.at);
    const window = this.before(LATENCY_MS);
    this.points.push({
      at: sample.at,
      rate: before ? (total(growth(sample.statuses, before.statuses)) * 1000) / (sample.at - before.at) : null,
      p50: window && quantile(sample.run, window.run, 0.5),
      p99: window && quantile(sample.run, window.run, 0.99),
      queue99: window && quantile(sample.queue, window.queue, 0.99),
      running: sample.running,
      waiting: sample.waiting,
      ready: total(sample.ready),
    });
    this.forget(this.points, sample.at);
  }

  private forget(list: { at: number }[], now: number): void {
    while (list[0] !== undefined && now - list[0].at > SPAN_MS) list.shift();
  }

  get latest(): Sample | undefined {
    return this.samples.at(-1);
  }

  /** The sample of so long ago, or the oldest; null where there is only one. */
  private before(age: number): Sample | null {
    const latest = this.samples.at(-1);
    if (latest === undefined || this.samples.length < 2) return null;
    const found = this.samples.findLast((sample) => latest.at - sample.at >= age);
    return found ?? this.samples[0] ?? null;
  }

  /** What a counter has grown by in the last minute, and in all that is remembered. */
  grownOf(counter: (sample: Sample) => Map<string, number>): { minute: Map<string, number>; all: Map<string, number> } {
    const add = (into: Map<string, number>, more: Map<string, number>) => more.forEach((value, name) => into.set(name, (into.get(name) ?? 0) + value));
    const minute = new Map<string, number>();
    const all = new Map<string, number>();
    const end = this.samples.at(-1)?.at ?? 0;
    this.samples.forEach((sample, i) => {
      const before = this.samples[i - 1];
      if (before === undefined) return;
      const more = growth(counter(sample), counter(before));
      add(all, more);
      if (end - before.at <= MINUTE_MS) add(minute, more);
    });
    return { minute, all };
  }
}
