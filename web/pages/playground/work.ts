// What a user has made: the program and what it is given. Comes from the form, an example, a link or the last visit.
import type { ExecuteRequest, InputFile, Limits } from "../common/api";

export type LimitName = keyof Limits;
export const LIMIT_NAMES: readonly LimitName[] = ["cpu_time", "memory", "processes", "output", "workspace", "open_files"];

export interface Work {
  code: string;
  stdin: string;
  args: string[];
  env: Record<string, string>;
  files: InputFile[];
  collect: string[];
  /** "": the service chooses by the program's imports */
  environment: string;
  /** null: the service's default */
  timeout: number | null;
  limits: Partial<Record<LimitName, number>>;
}

export const EVERY_FILE = "**";

export function emptyWork(): Work {
  return { code: "", stdin: "", args: [], env: {}, files: [], collect: [EVERY_FILE], environment: "", timeout: null, limits: {} };
}

/** Only what differs from the defaults. */
export function toRequest(work: Work): ExecuteRequest {
  const body: ExecuteRequest = { code: work.code };
  if (work.timeout !== null) body.timeout = work.timeout;
  if (work.stdin !== "") body.stdin = work.stdin;
  if (work.args.length > 0) body.args = work.args;
  if (Object.keys(work.env).length > 0) body.env = work.env;
  if (work.files.length > 0) body.files = work.files;
  if (work.collect.length > 0) body.collect = work.collect;
  if (Object.keys(work.limits).length > 0) body.limits = work.limits;
  if (work.environment !== "") body.environment = work.environment;
  return body;
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

function entries(value: unknown): [string, unknown][] {
  return typeof value === "object" && value !== null ? Object.entries(value) : [];
}

function inputFile(value: unknown): InputFile[] {
  const { path, content, content_base64 } = Object.fromEntries(entries(value));
  if (typeof path !== "string") return [];
  if (typeof content === "string") return [{ path, content }];
  return typeof content_base64 === "string" ? [{ path, content_base64 }] : [];
}

/** Work from a request's object that a stranger may have made: what does not fit is left out. */
export function fromRequest(value: unknown): Work {
  const from = Object.fromEntries(entries(value));
  const work = emptyWork();
  if (typeof from["code"] === "string") work.code = from["code"];
  if (typeof from["stdin"] === "string") work.stdin = from["stdin"];
  if (typeof from["environment"] === "string") work.environment = from["environment"];
  if (typeof from["timeout"] === "number") work.timeout = from["timeout"];
  work.args = texts(from["args"]);
  work.collect = texts(from["collect"]);
  work.files = Array.isArray(from["files"]) ? from["files"].flatMap(inputFile) : [];
  for (const [name, text] of entries(from["env"])) if (typeof text === "string") work.env[name] = text;
  for (const [name, number] of entries(from["limits"])) {
    const known = LIMIT_NAMES.find((limit) => limit === name);
    if (known !== undefined && typeof number === "number") work.limits[known] = number;
  }
  return work;
}
