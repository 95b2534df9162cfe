// How a run ended, in words.
import type { Answer, Limits } from "../common/api";
import { Refusal } from "../common/api";
import { bytes, count, seconds } from "../common/format";

export type Tone = "idle" | "running" | "good" | "warn" | "bad";

export interface Verdict {
  tone: Tone;
  title: string;
  notes: string[];
  /** of the program, that the verdict speaks of */
  line: number | null;
  /** another environment that has the module which this one lacks */
  environment: string | null;
}

/** What bounds a run: the environment's limits, or the request's lower ones. */
export interface Bounds extends Limits {
  timeout: number;
  cpus: number;
}

const SIGNALS: Record<string, string> = {
  SIGSEGV: "it touched memory that was not its own",
  SIGBUS: "it touched memory that was not there",
  SIGABRT: "it gave itself up",
  SIGFPE: "an impossible calculation in native code",
  SIGILL: "an instruction that the processor does not know",
  SIGSYS: "a system call that is never allowed",
  SIGKILL: "it was killed from within",
  SIGXFSZ: "a file grew too large",
};

function hitNote(limit: string, bounds: Bounds): string {
  switch (limit) {
    case "processes":
      return `It wanted more than ${count(bounds.processes, "process", "processes")}; the kernel refused the rest.`;
    case "memory":
      return `It ran into its memory limit of ${bytes(bounds.memory)}, and went on with less.`;
    case "workspace":
      return `A folder of ${bytes(bounds.workspace)} was full.`;
    case "open_files":
      return `It had ${count(bounds.open_files, "file")} open, which is all that it may.`;
    default:
      return `It ran into its limit: ${limit}.`;
  }
}

/** The innermost place in the program where it was when its time was over. */
export function stoppedAt(answer: Answer): { line: number; where: string } | null {
  for (const { frames } of answer.stack ?? []) {
    const frame = frames.findLast(({ file }) => file.endsWith("/main.py"));
    if (frame !== undefined)
      return { line: frame.line, where: frame.function === "<module>" ? "at the top level" : `in ${frame.function}()` };
  }
  return null;
}

function ending(answer: Answer, bounds: Bounds): Pick<Verdict, "tone" | "title" | "notes"> {
  const took = seconds(answer.execution_time);
  switch (answer.status) {
    case "ok":
      return { tone: "good", title: `Finished in ${took}`, notes: [] };
    case "timeout": {
      const place = stoppedAt(answer);
      return {
        tone: "warn",
        title: `Stopped at its time limit of ${seconds(bounds.timeout)}`,
        notes: place !== null ? [`It was ${place.where}, line ${place.line}.`] : [],
      };
    }
    case "cpu_limit":
      return { tone: "warn", title: "Stopped at its limit of processor time", notes: [] };
    case "memory_limit":
      return {
        tone: "bad",
        title: `Ended: it needed more than ${bytes(bounds.memory)} of memory`,
        notes: ["The kernel ended this run and nothing else. What it had printed is all here."],
      };
    case "output_limit":
      return { tone: "bad", title: "Ended: it printed far too much", notes: [] };
    case "signal": {
      const why = SIGNALS[answer.signal ?? ""];
      return { tone: "bad", title: `Ended by ${answer.signal ?? "a signal"}`, notes: why !== undefined ? [`That is: ${why}.`] : [] };
    }
    case "cancelled":
      return { tone: "warn", title: `Stopped by you after ${took}`, notes: [] };
    case "error":
      if (answer.exception !== null)
        return {
          tone: "bad",
          title: answer.exception.type + (answer.exception.line !== null ? ` on line ${answer.exception.line}` : ""),
          notes: answer.exception.message !== null && answer.exception.message !== "" ? [answer.exception.message] : [],
        };
      return { tone: "bad", title: `Ended with exit status ${answer.exit_code ?? "?"} after ${took}`, notes: [] };
  }
}

/** A module that is missing here: the service's own last line of `error` says who has it. */
function missingModule(answer: Answer): { note: string; environment: string | null } | null {
  if (answer.exception?.type !== "ModuleNotFoundError") return null;
  const found = /^The module "[^"\n]+" is in the environments? "([^"\n]+)".*$/m.exec(answer.error ?? "");
  if (found !== null) return { note: `${found[0]}.`, environment: found[1] ?? null };
  return {
    note: "No environment of this service has it. Its operator can install it for the interpreter, or add an environment that has it.",
    environment: null,
  };
}

export function verdictOf(answer: Answer, bounds: Bounds): Verdict {
  const { tone, title, notes } = ending(answer, bounds);
  const ended = answer.status !== "ok" && answer.status !== "error";
  const module = missingModule(answer);
  const processes = answer.usage.processes_peak ?? 1;
  if (module !== null) notes.push(module.note);
  for (const limit of answer.limits_hit) notes.push(hitNote(limit, bounds));
  if (ended && processes > 1) notes.push(`All ${processes} of its processes are gone.`);
  if (answer.output_truncated || answer.error_truncated)
    notes.push(`The answer keeps ${bytes(bounds.output)} of each stream, without the middle.`);
  if (answer.files_error !== null) notes.push(`Files: ${answer.files_error}.`);
  return {
    tone,
    title,
    notes,
    line: answer.exception?.line ?? (answer.status === "timeout" || answer.status === "cpu_limit" ? (stoppedAt(answer)?.line ?? null) : null),
    environment: module?.environment ?? null,
  };
}

/** Why there is no answer. */
export function failureVerdict(failure: unknown): Verdict {
  const verdict: Verdict = { tone: "bad", title: "There is no answer", notes: [], line: null, environment: null };
  if (!(failure instanceof Refusal)) {
    verdict.title = "The service cannot be reached";
    verdict.notes = [failure instanceof Error ? failure.message : String(failure)];
    return verdict;
  }
  verdict.notes = failure.message.split("\n");
  switch (failure.status) {
    case 401:
      verdict.title = "An API key is needed";
      break;
    case 422:
      verdict.title = "The request does not fit";
      break;
    case 429:
    case 503:
      verdict.title = "The service is busy";
      if (failure.retryAfter !== null) verdict.notes.push(`Try again in ${failure.retryAfter} s.`);
      break;
    default:
      verdict.title = `The service answered ${failure.status}`;
  }
  return verdict;
}
