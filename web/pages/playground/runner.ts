// One run at a time: starts it, shows what comes, stops it.
import { cancel, execute, newId, Refusal, type Answer, type RunEvent } from "../common/api";
import { toRequest, type Work } from "./work";
import { failureVerdict, type Bounds, type Verdict } from "./verdict";
import type { Stream } from "./output";

const STOP_PATIENCE_MS = 2000; // for the answer of a run that was told to end, before the connection is cut
const TICK_MS = 100;

export interface Watcher {
  started(): void;
  waiting(): void;
  elapsed(seconds: number): void;
  printed(stream: Stream, text: string): void;
  answered(answer: Answer): void;
  failed(verdict: Verdict): void;
  ended(): void;
}

const CUT_OFF: Verdict = { tone: "bad", title: "The connection was cut off", notes: ["The answer did not come to its end."], line: null, environment: null };
const STOPPED: Verdict = { tone: "warn", title: "Stopped by you", notes: [], line: null, environment: null };

export class Runner {
  private going: { id: string; connection: AbortController; stopping: boolean } | null = null;

  constructor(private readonly watcher: Watcher) {}

  get running(): boolean {
    return this.going !== null;
  }

  async run(work: Work, bounds: Bounds, bodyMax: number): Promise<void> {
    if (this.going !== null) return;
    const body = toRequest(work);
    const size = new Blob([JSON.stringify(body)]).size;
    const going = { id: newId(), connection: new AbortController(), stopping: false };
    let began = 0;
    let complete = false;
    const clock = setInterval(() => began > 0 && this.watcher.elapsed(Math.min((performance.now() - began) / 1000, bounds.timeout)), TICK_MS);

    this.going = going;
    this.watcher.waiting();
    try {
      if (size > bodyMax) throw new Error(`The request would have ${size} bytes: more than the ${bodyMax} that the service takes.`);
      for await (const event of execute(body, going.id, going.connection.signal)) {
        if (event.type === "started") {
          began = performance.now();
          going.id = event.id;
          this.watcher.started();
        }
        complete = this.pass(event) || complete;
      }
      if (!complete) this.watcher.failed(CUT_OFF);
    } catch (failure) {
      if (!complete) this.watcher.failed(going.stopping ? STOPPED : failureVerdict(failure));
    } finally {
      clearInterval(clock);
      this.going = null;
      this.watcher.ended();
    }
  }

  /** Asks the service, so that the answer tells what there was; where that does not help, hangs up, which ends a run, too. */
  async stop(): Promise<void> {
    const going = this.going;
    if (going === null || going.stopping) return;
    going.stopping = true;
    const patience = setTimeout(() => going.connection.abort(), STOP_PATIENCE_MS);
    going.connection.signal.addEventListener("abort", () => clearTimeout(patience));
    try {
      await cancel(going.id);
    } catch (failure) {
      // 404: it has just ended, or is not there yet; then patience decides
      if (!(failure instanceof Refusal)) going.connection.abort();
    }
  }

  /** True when nothing follows. */
  private pass(event: RunEvent): boolean {
    switch (event.type) {
      case "stdout":
      case "stderr":
        this.watcher.printed(event.type, event.text);
        return false;
      case "result": {
        const { type: _type, ...answer } = event;
        this.watcher.answered(answer);
        return true;
      }
      case "error":
        this.watcher.failed({ tone: "bad", title: "The service itself failed", notes: [event.detail], line: null, environment: null });
        return true;
      default:
        return false;
    }
  }
}
