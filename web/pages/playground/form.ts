// What stands around the program: the pickers and fields, filled from GET /info, read and written as Work.
import type { Environment, Info } from "../common/api";
import { byId, element } from "../common/dom";
import { bytes, count, seconds } from "../common/format";
import type { FileList } from "./files";
import type { Bounds } from "./verdict";
import { emptyWork, EVERY_FILE, type LimitName, type Work } from "./work";

interface LimitField {
  name: LimitName;
  label: string;
  unit: string;
  /** of the API's unit in this one */
  factor: number;
  step: string;
}

const LIMIT_FIELDS: readonly LimitField[] = [
  { name: "memory", label: "Memory", unit: "MiB", factor: 1 << 20, step: "1" },
  { name: "cpu_time", label: "Processor time", unit: "s", factor: 1, step: "any" },
  { name: "processes", label: "Processes", unit: "", factor: 1, step: "1" },
  { name: "output", label: "Output kept", unit: "KiB", factor: 1 << 10, step: "1" },
  { name: "workspace", label: "Working folder", unit: "MiB", factor: 1 << 20, step: "any" },
  { name: "open_files", label: "Open files", unit: "", factor: 1, step: "1" },
];

const lines = (text: string): string[] => text.split("\n").filter((line) => line !== "");

/** NAME=value lines; one without "=" is a variable that is empty. */
function variables(text: string): Record<string, string> {
  return Object.fromEntries(
    lines(text).map((line) => {
      const at = line.indexOf("=");
      return at < 0 ? [line, ""] : [line.slice(0, at), line.slice(at + 1)];
    }),
  );
}

function number(input: HTMLInputElement): number | null {
  return Number.isFinite(input.valueAsNumber) ? input.valueAsNumber : null;
}

export class Form {
  info: Info | null = null;
  private readonly environment = byId("environment", HTMLSelectElement);
  private readonly timeout = byId("timeout", HTMLInputElement);
  private readonly stdin = byId("stdin", HTMLTextAreaElement);
  private readonly args = byId("args", HTMLTextAreaElement);
  private readonly env = byId("env", HTMLTextAreaElement);
  private readonly collect = byId("collect", HTMLInputElement);
  private readonly limits = new Map<LimitName, HTMLInputElement>();
  private wanted = ""; // the environment that was asked for before it was known which there are

  constructor(
    private readonly files: FileList,
    onChange: () => void,
  ) {
    const host = byId("limits", HTMLElement);
    for (const { name, label, unit, step } of LIMIT_FIELDS) {
      const input = element("input", { type: "number", id: `limit-${name}`, min: "0", step });
      host.append(element("label", {}, element("span", {}, unit !== "" ? `${label}, ${unit}` : label), input));
      this.limits.set(name, input);
    }
    for (const panel of document.querySelectorAll("#given details")) panel.addEventListener("input", () => this.summarize());
    document.addEventListener("input", (event) => {
      if (event.target instanceof Element && event.target.closest("#given, #controls") !== null) onChange();
    });
    this.environment.addEventListener("change", () => {
      this.wanted = this.environment.value;
      this.showEnvironment();
    });
  }

  /** Lists the environments and says what their limits are. */
  setInfo(info: Info): void {
    this.info = info;
    const options = info.environments.map(({ name, python }) =>
      element("option", { value: name }, python !== null ? `${name} · Python ${python}` : name),
    );
    if (options.length > 1) options.unshift(element("option", { value: "" }, "by its imports"));
    this.environment.replaceChildren(...options);
    this.timeout.placeholder = String(info.default_timeout);
    this.timeout.max = String(info.max_timeout);
    this.timeout.title = `at most ${seconds(info.max_timeout)}`;
    this.select(this.wanted);
  }

  select(environment: string): void {
    this.wanted = environment;
    const has = (name: string): boolean => [...this.environment.options].some(({ value }) => value === name);
    this.environment.value = has(environment) ? environment : has("") ? "" : "default";
    this.showEnvironment();
  }

  current(): Environment | undefined {
    return this.info?.environments.find(({ name }) => name === (this.environment.value || "default"));
  }

  /** What bounds a run of this work here. */
  bounds(work: Work): Bounds {
    const limits = this.current()?.limits ?? { cpu_time: null, memory: 0, processes: 0, output: 0, workspace: 0, open_files: 0, cpus: 1 };
    return { ...limits, ...work.limits, timeout: work.timeout ?? this.info?.default_timeout ?? 5 };
  }

  /** All but the code. */
  read(): Omit<Work, "code"> {
    const work = emptyWork();
    work.stdin = this.stdin.value;
    work.args = lines(this.args.value);
    work.env = variables(this.env.value);
    work.files = this.files.get();
    work.collect = this.collect.value.split(",").map((pattern) => pattern.trim()).filter((pattern) => pattern !== ""); // prettier-ignore
    // "default" where there is nothing to choose goes without saying
    work.environment = this.environment.options.length > 1 ? this.environment.value : "";
    work.timeout = number(this.timeout);
    for (const { name, factor } of LIMIT_FIELDS) {
      const input = this.limits.get(name);
      const value = input !== undefined ? number(input) : null;
      if (value !== null) work.limits[name] = name === "cpu_time" ? value : Math.round(value * factor);
    }
    return work;
  }

  write(work: Work): void {
    this.stdin.value = work.stdin;
    this.args.value = work.args.join("\n");
    this.env.value = Object.entries(work.env).map(([name, value]) => `${name}=${value}`).join("\n"); // prettier-ignore
    this.files.set(work.files);
    this.collect.value = work.collect.join(", ");
    this.timeout.value = work.timeout !== null ? String(work.timeout) : "";
    for (const { name, factor } of LIMIT_FIELDS) {
      const value = work.limits[name];
      const input = this.limits.get(name);
      if (input !== undefined) input.value = value !== undefined ? String(value / factor) : "";
    }
    this.select(work.environment);
    this.summarize();
    const given: [string, boolean][] = [
      ["stdin", work.stdin !== ""],
      ["args", work.args.length + Object.keys(work.env).length > 0],
      ["files", work.files.length > 0 || work.collect.join() !== EVERY_FILE],
    ];
    for (const [name, used] of given) byId(`panel-${name}`, HTMLDetailsElement).open = used;
  }

  /** Each panel's heading says what is in it. */
  summarize(): void {
    const work = this.read();
    const limits = Object.keys(work.limits).length;
    const variableCount = Object.keys(work.env).length;
    const argsNote = [work.args.length > 0 ? count(work.args.length, "argument") : "", variableCount > 0 ? count(variableCount, "variable") : ""];
    this.note("stdin", work.stdin !== "" ? count(work.stdin.replace(/\n$/, "").split("\n").length, "line") : "");
    this.note("args", argsNote.filter((text) => text !== "").join(", "));
    this.note("files", work.files.length > 0 ? count(work.files.length, "file") : "");
    this.note("limits", limits > 0 ? `${limits} lowered` : "");
  }

  private note(panel: string, text: string): void {
    const place = document.querySelector(`#panel-${panel} .note`);
    if (place !== null) place.textContent = text;
  }

  private showEnvironment(): void {
    const environment = this.current();
    if (environment === undefined) return;
    for (const { name, factor, unit } of LIMIT_FIELDS) {
      const input = this.limits.get(name);
      const most = environment.limits[name];
      if (input === undefined) continue;
      input.placeholder = most !== null ? String(most / factor) : "no limit";
      input.max = most !== null ? String(most / factor) : "";
      input.title = most !== null ? `at most ${unit === "MiB" || unit === "KiB" ? bytes(most) : String(most)}` : "";
    }
    const { packages, preloaded } = environment;
    byId("packages-summary", HTMLElement).textContent =
      `${count(packages.length, "package")} in ${environment.name}` + (preloaded.length > 0 ? `, warm: ${preloaded.join(", ")}` : "");
    byId("packages", HTMLElement).replaceChildren(
      ...packages.toSorted((a, b) => a.name.localeCompare(b.name)).map(({ name, version }) => element("li", {}, name, element("span", { className: "quiet" }, ` ${version}`))),
    );
  }
}
