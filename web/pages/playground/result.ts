// The right-hand side: verdict, usage, where it was, output, files, and the answer as it came.
import type { Answer, InputFile } from "../common/api";
import { byId, element } from "../common/dom";
import { showCollected } from "./collected";
import { copy } from "./copy";
import { showElapsed, showUsage } from "./meters";
import { OutputView } from "./output";
import type { Bounds, Verdict } from "./verdict";

const BASE64_SHOWN = 60; // characters of a file's contents in the raw answer

function shortened(name: string, value: unknown): unknown {
  return name === "content_base64" && typeof value === "string" && value.length > BASE64_SHOWN ? `${value.slice(0, BASE64_SHOWN)}…` : value;
}

export class Result {
  readonly output: OutputView;
  private readonly verdict = byId("verdict", HTMLElement);
  private readonly meters = byId("meters", HTMLElement);
  private readonly stack = byId("stack", HTMLElement);
  private readonly collected = byId("collected", HTMLElement);
  private readonly raw = byId("raw", HTMLDetailsElement);
  private readonly actions = byId("verdict-actions", HTMLElement);

  constructor(
    private readonly goTo: (line: number) => void,
    private readonly choose: (environment: string) => void,
  ) {
    this.output = new OutputView(byId("output", HTMLElement), goTo);
    const button = byId("copy-output", HTMLButtonElement);
    button.addEventListener("click", () => void copy(this.output.text(), button));
  }

  /** Where the page is too narrow for two columns, the result is below the program. */
  bringIntoView(): void {
    if (this.verdict.getBoundingClientRect().top > innerHeight * 0.8) this.verdict.scrollIntoView({ block: "start" });
  }

  clear(): void {
    this.output.clear();
    this.meters.replaceChildren();
    this.stack.hidden = true;
    this.raw.hidden = true;
    showCollected(this.collected, [], []);
  }

  show({ tone, title, notes, line, environment }: Verdict): void {
    this.verdict.dataset["tone"] = tone;
    byId("verdict-title", HTMLElement).textContent = title;
    byId("verdict-notes", HTMLElement).replaceChildren(...notes.map((note) => element("p", {}, note)));
    this.actions.replaceChildren();
    if (line !== null) this.action(`Go to line ${line}`, () => this.goTo(line));
    if (environment !== null) this.action(`Use the environment ${environment}`, () => this.choose(environment));
  }

  showElapsed(elapsed: number, bounds: Bounds): void {
    showElapsed(this.meters, elapsed, bounds);
  }

  finish(answer: Answer, bounds: Bounds, given: InputFile[]): void {
    this.output.finish();
    showUsage(this.meters, answer, bounds);
    this.showStack(answer);
    showCollected(this.collected, answer.files, given);
    this.raw.hidden = false;
    byId("raw-text", HTMLElement).textContent = JSON.stringify(answer, shortened, 2);
  }

  private action(label: string, act: () => void): void {
    const button = element("button", { type: "button", className: "plain" }, label);
    button.addEventListener("click", act);
    this.actions.append(button);
  }

  /** Where each thread was when the time was over; the innermost last, as in a traceback. */
  private showStack(answer: Answer): void {
    const threads = answer.stack ?? [];
    this.stack.hidden = threads.length === 0;
    this.stack.replaceChildren();
    if (threads.length === 0) return;
    this.stack.append(element("h2", {}, "Where it was"));
    for (const { thread, frames } of threads) {
      if (threads.length > 1) this.stack.append(element("h3", {}, thread));
      this.stack.append(
        element(
          "ol",
          {},
          ...frames.map((frame) => {
            const own = frame.file.endsWith("/main.py");
            const place = `line ${frame.line}, in ${frame.function}`;
            if (!own) return element("li", {}, `${frame.file}, ${place}`);
            const button = element("button", { type: "button", className: "place" }, place);
            button.addEventListener("click", () => this.goTo(frame.line));
            return element("li", {}, button);
          }),
        ),
      );
    }
  }
}
