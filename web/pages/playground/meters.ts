// What a run used, as bars against what it may use.
import type { Answer } from "../common/api";
import { element } from "../common/dom";
import { bytes, seconds } from "../common/format";
import type { Bounds } from "./verdict";

interface Use {
  name: string;
  used: number;
  most: number;
  show: (value: number) => string;
}

const NEARLY = 0.9; // of a limit: the bar warns

function bar({ name, used, most, show }: Use): HTMLElement {
  const share = most > 0 ? Math.min(used / most, 1) : 0;
  const text = `${show(used)} of ${show(most)}`;
  const fill = element("span", { className: "fill" });
  fill.style.inlineSize = `${(share * 100).toFixed(1)}%`;
  const track = element(
    "span",
    { className: "track", role: "meter", "aria-label": name, "aria-valuemin": 0, "aria-valuemax": 100,
      "aria-valuenow": Math.round(share * 100), "aria-valuetext": text }, // prettier-ignore
    fill,
  );
  if (share >= NEARLY) track.classList.add("nearly");
  return element("div", { className: "meter" }, element("span", { className: "name" }, name), element("span", { className: "value" }, text), track);
}

function time(used: number, bounds: Bounds): Use {
  return { name: "Time", used, most: bounds.timeout, show: seconds };
}

export function showUsage(host: HTMLElement, answer: Answer, bounds: Bounds): void {
  const { usage } = answer;
  const uses: Use[] = [
    time(answer.execution_time, bounds),
    { name: "Processor", used: usage.cpu_user + usage.cpu_system, most: bounds.cpu_time ?? bounds.timeout * bounds.cpus, show: seconds },
  ];
  if (usage.memory_peak !== null) uses.push({ name: "Memory", used: usage.memory_peak, most: bounds.memory, show: bytes });
  if (usage.processes_peak !== null) uses.push({ name: "Processes", used: usage.processes_peak, most: bounds.processes, show: String });
  host.replaceChildren(...uses.map(bar));
}

/** While it runs, only the time is known. */
export function showElapsed(host: HTMLElement, elapsed: number, bounds: Bounds): void {
  host.replaceChildren(bar(time(elapsed, bounds)));
}
