// What GET /metrics says at one time.

/** Cumulative counts by upper bound in seconds, ascending; the last bound is Infinity. */
export interface Histogram {
  bounds: number[];
  counts: number[];
}

export interface Sample {
  at: number; // milliseconds, of a clock that only goes forward
  statuses: Map<string, number>;
  refusals: Map<string, number>;
  ready: Map<string, number>; // by environment
  learnedSets: Map<string, number>;
  learnedReady: Map<string, number>;
  resident: Map<string, number>; // by role
  restarts: Map<string, number>;
  running: number;
  waiting: number;
  connections: number;
  quarantined: number;
  run: Histogram;
  queue: Histogram;
}

// Which sample of which family goes where; of labelled ones, by which label.
const LABELLED = {
  hatchery_runs_total: ["statuses", "status"],
  hatchery_rejections_total: ["refusals", "reason"],
  hatchery_sandboxes_ready: ["ready", "environment"],
  hatchery_learned_sets: ["learnedSets", "environment"],
  hatchery_learned_sandboxes_ready: ["learnedReady", "environment"],
  hatchery_process_resident_bytes: ["resident", "role"],
  hatchery_process_restarts_total: ["restarts", "role"],
} as const;
const PLAIN = {
  hatchery_runs_running: "running",
  hatchery_runs_waiting: "waiting",
  hatchery_connections: "connections",
  hatchery_sandboxes_quarantined: "quarantined",
} as const;
const BUCKETS = { hatchery_run_seconds_bucket: "run", hatchery_run_queue_seconds_bucket: "queue" } as const;

const LINE = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-z_]+)="((?:[^"\\]|\\.)*)"/g;

function label(text: string, wanted: string): string | undefined {
  for (const [, name, value = ""] of text.matchAll(LABEL)) if (name === wanted) return value.replace(/\\(.)/g, "$1");
  return undefined;
}

function isIn<T extends object>(table: T, name: string): name is string & keyof T {
  return Object.hasOwn(table, name);
}

export function parse(text: string, at: number): Sample {
  const map = () => new Map<string, number>();
  const histogram = (): Histogram => ({ bounds: [], counts: [] });
  const sample: Sample = {
    at,
    ...{ statuses: map(), refusals: map(), ready: map(), learnedSets: map(), learnedReady: map(), resident: map(), restarts: map() },
    ...{ running: 0, waiting: 0, connections: 0, quarantined: 0 },
    ...{ run: histogram(), queue: histogram() },
  };
  for (const line of text.split("\n")) {
    const [, name = "", labels = "", number = ""] = LINE.exec(line) ?? [];
    const value = Number(number);
    if (isIn(PLAIN, name)) {
      sample[PLAIN[name]] = value;
    } else if (isIn(LABELLED, name)) {
      const [field, by] = LABELLED[name];
      const key = label(labels, by) ?? "";
      sample[field].set(key, (sample[field].get(key) ?? 0) + value);
    } else if (isIn(BUCKETS, name)) {
      const bound = label(labels, "le");
      sample[BUCKETS[name]].bounds.push(bound === "+Inf" ? Infinity : Number(bound));
      sample[BUCKETS[name]].counts.push(value);
    }
  }
  return sample;
}

export function total(map: Map<string, number>): number {
  let sum = 0;
  for (const value of map.values()) sum += value;
  return sum;
}
