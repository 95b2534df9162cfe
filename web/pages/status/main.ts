// The status page: asks /metrics every two seconds, /info now and then, and shows what they say.
import "../common/base.css";
import "./status.css";

import { getInfo, key, Refusal, request, type Info } from "../common/api";
import { byId, element } from "../common/dom";
import { bytes, count, seconds } from "../common/format";
import { setUpTheme } from "../common/theme";
import { Chart } from "./chart";
import { History, INTERVAL_MS } from "./history";
import { parse, total, type Sample } from "./metrics";

const PATIENCE_MS = 10_000; // for one answer
const INFO_EVERY = 15; // polls

const number = (value: number) => (value >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3))));
const state = byId("state", HTMLElement);
const keyForm = byId("key-form", HTMLFormElement);
const keyInput = byId("key", HTMLInputElement);
const history = new History();
const charts = [
  new Chart({ title: "Runs a second", lines: [{ name: "ended", value: (point) => point.rate }], show: number }),
  new Chart({
    title: "Latency, of the last ten seconds' runs",
    lines: [
      { name: "run, p50", value: (point) => point.p50 },
      { name: "run, p99", value: (point) => point.p99 },
      { name: "wait for a sandbox, p99", value: (point) => point.queue99 },
    ],
    show: seconds,
    logarithmic: true,
  }),
  new Chart({
    title: "Runs and requests",
    lines: [
      { name: "running", value: (point) => point.running },
      { name: "waiting", value: (point) => point.waiting },
    ],
    show: number,
  }),
  new Chart({ title: "Pool", lines: [{ name: "ready sandboxes", value: (point) => point.ready }], show: number }),
];
let info: Info | null = null;
let polls = 0;
let asked = 0; // timer

/** The rows of a table: made when they are more or fewer, else only what has changed is written. */
function fill(id: string, rows: string[][]): void {
  const body = byId(id, HTMLTableElement).tBodies[0];
  if (body === undefined) return;
  while (body.rows.length > rows.length) body.deleteRow(-1);
  rows.forEach((cells, i) => {
    const row = body.rows[i] ?? body.insertRow();
    if (row.cells.length === 0) row.append(...cells.map((_, j) => (j === 0 ? element("th", { scope: "row" }) : element("td"))));
    cells.forEach((text, j) => {
      const cell = row.cells[j];
      if (cell !== undefined && cell.textContent !== text) cell.textContent = text;
    });
  });
}

/** Whether other sets are learned now than `info` tells. */
function learnedAnew(sample: Sample): boolean {
  return (info?.environments ?? []).some((one) => (sample.learnedSets.get(one.name) ?? 0) !== one.learned.length);
}

/** Counters by name; those that never counted are left out, `none` says so. */
function fillCounter(id: string, counter: (sample: Sample) => Map<string, number>, sample: Sample): void {
  const { minute, all } = history.grownOf(counter);
  const rows = [...counter(sample)].filter(([, value]) => value > 0).map(([name, value]) => [name, ...[minute.get(name), all.get(name), value].map((one) => String(one ?? 0))]);
  fill(id, rows.length > 0 ? rows : [["none", "0", "0", "0"]]);
}

function showTiles(sample: Sample): void {
  const point = history.points.at(-1);
  const refused = total(history.grownOf((one) => one.refusals).minute);
  const texts: [string, string, string][] = [
    ["runs a second", point?.rate === null || point?.rate === undefined ? "…" : number(point.rate), "last two seconds"],
    ["running", String(sample.running), info === null ? "" : `of ${info.concurrency}`],
    ["waiting", String(sample.waiting), info === null ? "" : `of ${info.queue}`],
    ["ready sandboxes", String(total(sample.ready)), count(sample.ready.size, "environment")],
    ["refused", String(refused), "last minute"],
    ["connections", String(sample.connections), sample.quarantined > 0 ? `${count(sample.quarantined, "place")} lost` : ""],
  ];
  const tiles = byId("tiles", HTMLUListElement);
  if (tiles.children.length === 0) tiles.append(...texts.map(([name]) => element("li", {}, element("span", {}, name), element("b"), element("small"))));
  texts.forEach(([, value, more], i) => {
    const [, shown, note] = tiles.children[i]?.children ?? [];
    if (shown !== undefined && shown.textContent !== value) shown.textContent = value;
    if (note !== undefined && note.textContent !== more) note.textContent = more;
  });
}

function showInfo(): void {
  if (info === null) return;
  fill("isolation", info.isolation.map((layer) => [layer.layer, layer.state, layer.state === "enforced" ? layer.detail : `${layer.detail}. To get it: ${layer.remedy}`]));
  for (const row of byId("isolation", HTMLTableElement).tBodies[0]?.rows ?? []) row.dataset["state"] = row.cells[1]?.textContent ?? "";
}

function show(sample: Sample): void {
  showTiles(sample);
  for (const chart of charts) chart.update(history.points);
  fillCounter("statuses", (one) => one.statuses, sample);
  fillCounter("refusals", (one) => one.refusals, sample);
  fill("processes", [...sample.resident].map(([role, size]) => [role, bytes(size), String(sample.restarts.get(role) ?? "never")]));
  const environments = info?.environments ?? [];
  fill("environments", [...sample.ready].map(([name, ready]) => {
    const environment = environments.find((one) => one.name === name);
    const learned = environment?.learned.map((set) => `${set.modules.join(", ")} (${bytes(set.memory)})`).join("; ");
    const both = sample.learnedReady.get(name) ?? 0;
    return [name, environment?.python ?? "at rest", environment?.preloaded.join(", ") || "nothing", learned || "nothing", both > 0 ? `${ready}, ${both} learned` : String(ready)];
  })); // prettier-ignore
  document.documentElement.dataset["polls"] = String(polls);
  document.documentElement.dataset["points"] = String(history.points.length);
}

function say(tone: "good" | "bad", text: string): void {
  state.dataset["tone"] = tone;
  if (state.textContent !== text) state.textContent = text;
}

async function poll(): Promise<void> {
  try {
    if (info === null || polls % INFO_EVERY === 0 || (history.latest !== undefined && learnedAnew(history.latest))) {
      info = await getInfo();
      showInfo();
    }
    const response = await request("/metrics", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
    history.add(parse(await response.text(), performance.now()));
    polls++;
    if (history.latest !== undefined) show(history.latest);
    const lost = info.isolation.filter((layer) => layer.required && layer.state !== "enforced");
    keyForm.hidden = true;
    say(lost.length === 0 ? "good" : "bad", lost.length === 0 ? `hatchery ${info.version} serves; every required layer is enforced` : `not enforced: ${lost.map((layer) => layer.layer).join(", ")}`);
  } catch (problem) {
    if (problem instanceof Refusal && problem.status === 401) {
      if (keyForm.hidden) {
        keyForm.hidden = false;
        keyInput.focus();
      }
      say("bad", key.get() === "" ? "This service asks for an API key" : "The service does not know this key");
    } else {
      say("bad", problem instanceof Refusal ? `The service answers ${problem.status}: ${problem.message}` : "The service does not answer; asking again");
    }
  }
}

/** One request at a time, and none while nobody looks. */
async function go(): Promise<void> {
  clearTimeout(asked);
  asked = 0;
  if (document.hidden || !keyForm.hidden) return;
  await poll();
  clearTimeout(asked);
  asked = setTimeout(() => void go(), INTERVAL_MS);
}

setUpTheme(byId("theme", HTMLButtonElement));
byId("charts", HTMLElement).append(...charts.map((chart) => chart.root));
keyForm.addEventListener("submit", (event) => {
  event.preventDefault();
  key.set(keyInput.value.trim());
  keyInput.value = "";
  keyForm.hidden = true;
  void go();
});
document.addEventListener("visibilitychange", () => void go());
void go();
