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

  /** The last text node is the line that is not complete yet. */
  private append(stream: Stream, text: string): void {
    let span = this.host.lastElementChild;
    if (!(span instanceof HTMLElement) || !span.classList.contains(stream)) {
      span = element("span", { className: stream });
      if (stream === "stderr") {
        span.setAttribute("role", "group");
        span.setAttribute("aria-label", "standard error");
      }
      this.host.append(span);
      this.add(span, "");
    }
    const tail = this.texts.at(-1);
    if (tail === undefined) return;
    this.characters -= tail.data.length;
    const line = overwrite(tail.data + text).slice(-KEPT_CHARACTERS);
    const complete = line.lastIndexOf("\n") + 1;
    tail.data = line.slice(0, complete === 0 ? line.length : complete);
    this.characters += tail.data.length;
    if (complete > 0) this.add(span, line.slice(complete));
  }

  private add(span: Element, text: string): void {
    const node = document.createTextNode(text);
    span.append(node);
    this.texts.push(node);
    this.characters += text.length;
  }

  private trim(): void {
    let gone = 0;
    for (const node of this.texts) {
      if (this.characters - node.data.length < KEPT_CHARACTERS) break;
      this.characters -= node.data.length;
      const span = node.parentElement;
      node.remove();
      if (span?.firstChild === null) span.remove();
      gone++;
    }
    if (gone === 0) return;
    this.texts.splice(0, gone);
    if (!this.host.firstElementChild?.classList.contains("cut"))
      this.host.prepend(element("span", { className: "cut" }, "… what came before is no longer shown\n"));
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
