// A chart of lines over the last minutes: an SVG whose paths are written anew, and the same as text and as a table.

import { element } from "../common/dom";
import { SPAN_MS, type Point } from "./history";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 300; // of the drawing, which is stretched to its place
const HEIGHT = 100;
const TABLE_STEP_MS = 30_000;
const LOG_LEAST = 1e-4; // the bottom of a logarithmic chart

export interface Line {
  name: string;
  value(point: Point): number | null;
}

export interface ChartOptions {
  title: string;
  lines: Line[];
  show(value: number): string;
  logarithmic?: boolean;
}

/** 1, 2 or 5 times a power of ten, not less than the value. */
export function niceTop(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * ([1, 2, 5].find((step) => step * power >= value) ?? 10);
}

function svg(name: string, attributes: Record<string, string>): SVGElement {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

export class Chart {
  readonly root: HTMLElement;
  private readonly drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" });
  private readonly paths: SVGElement[];
  private readonly values: HTMLElement[];
  private readonly top = element("span", { className: "top-label" });
  private readonly body = element("tbody");
  private readonly details: HTMLDetailsElement;
  private points: readonly Point[] = [];

  constructor(private readonly options: ChartOptions) {
    const { title, lines } = options;
    this.paths = lines.map((_, i) => svg("path", { class: `line line-${i}` }));
    for (const y of [0.5, HEIGHT / 2, HEIGHT - 0.5]) this.drawing.append(svg("path", { class: "grid", d: `M0 ${y}H${WIDTH}` }));
    this.drawing.append(...this.paths);
    this.values = lines.map(() => element("b"));
    const legend = lines.map((line, i) => {
      const mark = svg("svg", { viewBox: "0 0 22 6", class: "mark", "aria-hidden": "true" });
      mark.append(svg("path", { class: `line line-${i}`, d: "M0 3H22" }));
      return element("li", {}, mark, `${line.name} `, this.values[i] ?? "");
    });
    this.details = element("details", {}, element("summary", {}, "As a table"), element("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": `${title}, as a table` },
      element("table", {}, element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "seconds ago"), ...lines.map((line) => element("th", { scope: "col" }, line.name)))), this.body))); // prettier-ignore
    this.details.addEventListener("toggle", () => this.details.open && this.fill());
    this.root = element("figure", {}, element("figcaption", {}, element("h2", {}, title), element("ul", { className: "legend" }, ...legend)),
      element("div", { className: "plot" }, this.drawing, this.top, element("span", { className: "from-label", "aria-hidden": "true" }, "5 min ago"), element("span", { className: "to-label", "aria-hidden": "true" }, "now")), this.details); // prettier-ignore
  }

  private show(value: number | null | undefined): string {
    return value === null || value === undefined ? "none" : this.options.show(value);
  }

  update(points: readonly Point[]): void {
    this.points = points;
    const { lines, logarithmic = false } = this.options;
    const end = points.at(-1)?.at ?? 0;
    const most = Math.max(0, ...points.flatMap((point) => lines.map((line) => line.value(point) ?? 0)));
    const top = niceTop(Math.max(most, logarithmic ? LOG_LEAST * 10 : 1));
    const height = (value: number) => (logarithmic ? Math.log(Math.max(value, LOG_LEAST) / LOG_LEAST) / Math.log(top / LOG_LEAST) : value / top);

    lines.forEach((line, i) => {
      let path = "";
      let drawn = false; // the point before: a gap begins a new line
      for (const point of points) {
        const value = line.value(point);
        if (value !== null) {
          const x = WIDTH * (1 - (end - point.at) / SPAN_MS);
          path += `${drawn ? "L" : "M"}${x.toFixed(1)} ${(1 + (HEIGHT - 2) * (1 - height(value))).toFixed(1)}${drawn ? "" : "h.01"}`;
        }
        drawn = value !== null;
      }
      this.paths[i]?.setAttribute("d", path);
      const value = this.values[i];
      const last = points.at(-1);
      if (value !== undefined) value.textContent = this.show(last && line.value(last));
    });
    this.top.textContent = logarithmic ? `${this.options.show(top)}, logarithmic from ${this.options.show(LOG_LEAST)}` : this.options.show(top);
    this.drawing.setAttribute("aria-label", this.tell(points));
    if (this.details.open) this.fill();
  }

  /** The chart in words. */
  private tell(points: readonly Point[]): string {
    const told = this.options.lines.map((line) => {
      const values = points.map((point) => line.value(point)).filter((value) => value !== null);
      if (values.length === 0) return `${line.name}: none`;
      return `${line.name}: now ${this.show(line.value(points.at(-1) as Point))}, least ${this.show(Math.min(...values))}, most ${this.show(Math.max(...values))}`;
    });
    return `${this.options.title} in the last five minutes. ${told.join("; ")}.`;
  }

  private fill(): void {
    const points = this.points;
    const end = points.at(-1)?.at ?? 0;
    const rows: HTMLTableRowElement[] = [];
    for (let age = 0; age <= SPAN_MS; age += TABLE_STEP_MS) {
      const point = points.findLast((one) => end - one.at >= age);
      if (point === undefined) break;
      rows.push(element("tr", {}, element("th", { scope: "row" }, String(Math.round((end - point.at) / 1000))),
        ...this.options.lines.map((line) => element("td", {}, this.show(line.value(point)))))); // prettier-ignore
    }
    this.body.replaceChildren(...rows);
  }
}
