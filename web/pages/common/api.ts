// The service's API as a page uses it: its types, the key, requests, the lines of a streamed answer.

export interface Limits {
  cpu_time: number | null;
  memory: number;
  processes: number;
  output: number;
  workspace: number;
  open_files: number;
}

export interface Environment {
  name: string;
  ready: boolean;
  python: string | null;
  preloaded: string[];
  learned: { modules: string[]; memory: number }[];
  packages: { name: string; version: string }[];
  limits: Limits & { cpus: number; files: number };
}

export interface Layer {
  layer: string;
  state: string;
  required: boolean;
  detail: string;
  remedy: string;
}

export interface Info {
  version: string;
  environments: Environment[];
  isolation: Layer[];
  concurrency: number;
  queue: number;
  default_timeout: number;
  max_timeout: number;
  max_body: number;
}

export interface InputFile {
  path: string;
  content?: string;
  content_base64?: string;
}

export interface ExecuteRequest {
  code: string;
  timeout?: number;
  stdin?: string;
  args?: string[];
  env?: Record<string, string>;
  files?: InputFile[];
  collect?: string[];
  limits?: Partial<Limits>;
  environment?: string;
}

export interface Frame {
  file: string;
  line: number;
  function: string;
}

export interface CollectedFile {
  path: string;
  size: number;
  content_base64?: string;
  omitted?: string;
}

export interface Answer {
  output: string;
  error: string | null;
  execution_time: number;
  status: "ok" | "error" | "timeout" | "cpu_limit" | "memory_limit" | "output_limit" | "signal" | "cancelled";
  limits_hit: string[];
  exit_code: number | null;
  signal: string | null;
  output_truncated: boolean;
  error_truncated: boolean;
  exception: { type: string; message: string | null; line: number | null; frames: Frame[] } | null;
  stack: { thread: string; frames: Frame[] }[] | null;
  usage: {
    cpu_user: number;
    cpu_system: number;
    wall: number;
    queued: number;
    memory_peak: number | null;
    processes_peak: number | null;
    output_bytes: number;
    error_bytes: number;
  };
  files: CollectedFile[];
  files_error: string | null;
  id: string;
}

export type RunEvent =
  | { type: "started"; id: string }
  | { type: "stdout" | "stderr"; text: string }
  | { type: "heartbeat" }
  | { type: "error"; detail: string }
  | ({ type: "result" } & Answer);

/** An answer that is none of the program: 401, 422, 503 and the like. `message` is for people. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly retryAfter: string | null = null,
  ) {
    super(message);
  }
}

const KEY_NAME = "hatchery-key";

function storedKey(): string {
  try {
    return sessionStorage.getItem(KEY_NAME) ?? "";
  } catch {
    return ""; // storage is off
  }
}

let currentKey = storedKey();

/** The API key: kept as long as the tab lives, and nowhere else. */
export const key = {
  get(): string {
    return currentKey;
  },
  set(value: string): void {
    currentKey = value;
    try {
      sessionStorage.setItem(KEY_NAME, value);
    } catch {
      // storage is off: until the page is left
    }
  },
};

interface ValidationError {
  loc: (string | number)[];
  msg: string;
}

function describe(detail: unknown): string {
  if (!Array.isArray(detail)) return String(detail);
  return detail.map((error: ValidationError) => `${error.loc.slice(1).join(".")}: ${error.msg}`).join("\n");
}

async function refusal(response: Response): Promise<Refusal> {
  let text = response.statusText;
  try {
    const body = (await response.json()) as { detail?: unknown };
    text = describe(body.detail);
  } catch {
    // not from the service itself: the status must do
  }
  return new Refusal(response.status, text, response.headers.get("retry-after"));
}

/** A request with the key, if there is one. Anything but a 2xx is thrown as a Refusal. */
export async function request(path: string, options: RequestInit = {}): Promise<Response> {
  const headers = new Headers(options.headers);
  if (key.get() !== "") headers.set("authorization", `Bearer ${key.get()}`);
  const response = await fetch(path, { ...options, headers });
  if (!response.ok) throw await refusal(response);
  return response;
}

export async function getInfo(): Promise<Info> {
  const response = await request("/info", { cache: "no-store" });
  return (await response.json()) as Info;
}

/** The lines of a body. A line may come in many parts: they are joined once, when it is complete. */
async function* lines(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let parts: string[] = [];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const [first = "", ...rest] = decoder.decode(value, { stream: true }).split("\n");
    parts.push(first);
    for (const next of rest) {
      yield parts.join("");
      parts = [next];
    }
  }
}

/** Runs a program: its output as it is printed, then the answer. */
export async function* execute(body: ExecuteRequest, id: string, signal: AbortSignal): AsyncGenerator<RunEvent> {
  const response = await request("/execute", {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/x-ndjson", "x-request-id": id },
    body: JSON.stringify(body),
    signal,
  });
  if (response.body === null) return;
  for await (const line of lines(response.body)) yield JSON.parse(line) as RunEvent;
}

export async function cancel(id: string): Promise<void> {
  await request(`/runs/${encodeURIComponent(id)}`, { method: "DELETE" });
}

export function newId(): string {
  const random = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
