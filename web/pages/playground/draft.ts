// The work in progress, so that a reload loses nothing. It stays in the tab: sessionStorage.
import { fromRequest, toRequest, type Work } from "./work";

const NAME = "hatchery-draft";
const DELAY_MS = 300;

export class Draft {
  private timer = 0;

  constructor(private readonly current: () => Work) {
    addEventListener("pagehide", () => this.timer !== 0 && this.save());
  }

  changed(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), DELAY_MS);
  }

  /** What was here before a reload; null: nothing, or the address is another link than it was. */
  restored(): Work | null {
    try {
      const { fragment, work } = JSON.parse(sessionStorage.getItem(NAME) ?? "{}") as { fragment?: unknown; work?: unknown };
      return fragment === location.hash ? fromRequest(work) : null;
    } catch {
      return null;
    }
  }

  private save(): void {
    clearTimeout(this.timer);
    this.timer = 0;
    try {
      sessionStorage.setItem(NAME, JSON.stringify({ fragment: location.hash, work: toRequest(this.current()) }));
    } catch {
      // storage is off or full: a reload begins anew
    }
  }
}
