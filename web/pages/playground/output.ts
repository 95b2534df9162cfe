// What a program prints, as it prints it: standard error told apart, carriage returns obeyed, memory bounded.
import { element } from "../common/dom";

export type Stream = "stdout" | "stderr";

const KEPT_CHARACTERS = 300_000; // more would make the page slow; the answer has its own limit
const PLACE = /File "(?:[^"\n]*\/)?main\.py", line (\d+)/g;

/** A terminal's carriage return: what follows goes over the line. One at the end waits for what follows. */
function overwrite(text: string): string {
  return text.includes("\r") ? text.replaceAll("\r\n", "\n").replace(/[^\n]*\r(?=[^\n])/g, "") : text;
}

export class OutputView {
  private pending: { stream: Stream; text: string }[] = [];
  private pendingCharacters = 0;
  private frame = 0;
  private texts: Text[] = [];
  private characters = 0;
  /** Each stream's line that has not ended. It goes on there, whatever the other stream has printed meanwhile. */
  private readonly open: Record<Stream, Text | null> = { stdout: null, stderr: null };

  constructor(
    private readonly host: HTMLElement,
    private readonly goTo: (line: number) => void,
  ) {}

  clear(): void {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    this.pending = [];
    this.pendingCharacters = 0;
    this.texts = [];
    this.characters = 0;
    this.open.stdout = this.open.stderr = null;
    this.host.replaceChildren();
  }

  write(stream: Stream, text: string): void {
    const last = this.pending.at(-1);
    if (last?.stream === stream) last.text += text;
    else this.pending.push({ stream, text });
    this.pendingCharacters += text.length;
    // a page in the background draws nothing, and must not keep everything either
    if (this.pendingCharacters > KEPT_CHARACTERS) this.flush();
    else if (this.frame === 0) this.frame = requestAnimationFrame(() => this.flush());
  }

  /** The run has ended: what is still to be shown is shown, and tracebacks lead to their lines. */
  finish(): void {
    this.flush();
    for (const span of this.host.querySelectorAll<HTMLElement>(".stderr")) this.link(span);
    this.texts = [];
    this.open.stdout = this.open.stderr = null;
  }

  text(): string {
    return this.host.textContent ?? "";
  }

  private flush(): void {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    const { scrollTop, scrollHeight, clientHeight } = this.host;
    const atEnd = scrollHeight - scrollTop - clientHeight < 30;
    for (const { stream, text } of this.pending) this.append(stream, text);
    this.pending = [];
    this.pendingCharacters = 0;
    this.trim();
    if (atEnd) this.host.scrollTop = this.host.scrollHeight;
  }

  private append(stream: Stream, text: string): void {
    const tail = this.open[stream] ?? this.add(this.span(stream), "");
    const lines = overwrite(tail.data + text).slice(-KEPT_CHARACTERS);
    const complete = lines.lastIndexOf("\n") + 1;
    this.characters -= tail.data.length;
    tail.data = complete > 0 ? lines.slice(0, complete) : lines;
    this.characters += tail.data.length;
    this.open[stream] = complete === 0 ? tail : null;
    if (complete > 0 && complete < lines.length) this.open[stream] = this.add(tail.parentElement ?? this.span(stream), lines.slice(complete));
  }

  /** Where a stream goes on: the last span, if it is this stream's, or a new one. */
  private span(stream: Stream): Element {
    const last = this.host.lastElementChild;
    if (last?.classList.contains(stream)) return last;
    const span = element("span", { className: stream });
    if (stream === "stderr") {
      span.setAttribute("role", "group");
      span.setAttribute("aria-label", "standard error");
    }
    this.host.append(span);
    return span;
  }

  private add(span: Element, text: string): Text {
    const node = document.createTextNode(text);
    span.append(node);
    this.texts.push(node);
    this.characters += text.length;
    return node;
  }

  private trim(): void {
    let excess = this.characters - KEPT_CHARACTERS;
    if (excess <= 0) return;
    this.characters = KEPT_CHARACTERS;
    for (let first = this.texts[0]; first !== undefined && excess > 0; first = this.texts[0]) {
      if (first.data.length > excess) {
        first.data = first.data.slice(excess);
        break;
      }
      excess -= first.data.length;
      this.drop(first);
    }
    if (!this.host.firstElementChild?.classList.contains("cut"))
      this.host.prepend(element("span", { className: "cut" }, "… what came before is no longer shown\n"));
  }

  private drop(first: Text): void {
    this.texts.shift();
    for (const stream of ["stdout", "stderr"] as const) if (this.open[stream] === first) this.open[stream] = null;
    const span = first.parentElement;
    first.remove();
    if (span?.firstChild === null) span.remove();
  }

  private link(span: HTMLElement): void {
    const text = span.textContent ?? "";
    const parts: (Node | string)[] = [];
    let end = 0;
    for (const match of text.matchAll(PLACE)) {
      const line = Number(match[1]);
      const button = element("button", { type: "button", className: "place" }, match[0]);
      button.addEventListener("click", () => this.goTo(line));
      parts.push(text.slice(end, match.index), button);
      end = match.index + match[0].length;
    }
    if (parts.length > 0) span.replaceChildren(...parts, text.slice(end));
  }
}
