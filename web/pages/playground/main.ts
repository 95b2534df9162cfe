// The playground: puts its parts together.
import "../common/base.css";
import "./playground.css";

import { getInfo, key, Refusal } from "../common/api";
import { byId } from "../common/dom";
import { setUpTheme } from "../common/theme";
import { copy, setUpCodeDialog } from "./copy";
import { Draft } from "./draft";
import { makeEditor } from "./editor";
import { EXAMPLES, type Example } from "./examples";
import { setUpFiles } from "./files";
import { Form } from "./form";
import { fromFragment, toFragment } from "./link";
import { setUpMenu } from "./menu";
import { Result } from "./result";
import { Runner } from "./runner";
import { verdictOf, type Bounds, type Verdict } from "./verdict";
import { emptyWork, toRequest, type Work } from "./work";

const BODY_MAX_DEFAULT = 8 << 20; // until the service has said

const runButton = byId("run", HTMLButtonElement);
const stopButton = byId("stop", HTMLButtonElement);
const linkButton = byId("link", HTMLButtonElement);

let keysAreOn = false;
let bounds: Bounds;
let given: Work = emptyWork();

const draft = new Draft(() => work());
const editor = makeEditor(byId("code", HTMLElement), "", () => draft.changed(), run); // prettier-ignore
const files = setUpFiles(
  { list: byId("file-list", HTMLElement), chooser: byId("file-chooser", HTMLInputElement), button: byId("file-add", HTMLButtonElement) },
  () => {
    byId("panel-files", HTMLDetailsElement).open = true;
    form.summarize();
    draft.changed();
  },
  () => form.info?.max_body ?? BODY_MAX_DEFAULT,
  (problem) => result.show(plainVerdict(problem)),
);
const form = new Form(files, () => draft.changed());
const result = new Result(
  (line) => editor.goTo(line),
  (environment) => {
    form.select(environment);
    run();
  },
);
const runner = new Runner({
  waiting() {
    setRunning(true);
    result.clear();
    editor.unmark();
    result.show({ tone: "running", title: "Waiting for a sandbox", notes: [], line: null, environment: null });
    result.bringIntoView();
  },
  started: () => result.show({ tone: "running", title: "Running", notes: [], line: null, environment: null }),
  elapsed: (seconds) => result.showElapsed(seconds, bounds),
  printed: (stream, text) => result.output.write(stream, text),
  answered(answer) {
    const verdict = verdictOf(answer, bounds);
    result.finish(answer, bounds, given.files);
    result.show(verdict);
    if (verdict.line !== null && editor.text() === given.code) editor.mark(verdict.line, verdict.tone === "bad" ? "error" : "stopped");
  },
  failed(verdict) {
    result.output.finish();
    result.show(verdict);
    if (verdict.title === "An API key is needed") askForKey();
  },
  ended: () => setRunning(false),
});

function plainVerdict(text: string): Verdict {
  return { tone: "bad", title: text, notes: [], line: null, environment: null };
}

function work(): Work {
  return { ...form.read(), code: editor.text() };
}

function load(next: Work): void {
  editor.setText(next.code);
  form.write(next);
  draft.changed();
}

function run(): void {
  if (runner.running) return;
  given = work();
  bounds = form.bounds(given);
  void runner.run(given, bounds, form.info?.max_body ?? BODY_MAX_DEFAULT);
}

/** Both stay reachable by keyboard, so that the focus is not lost when one is pressed. */
function setRunning(running: boolean): void {
  runButton.setAttribute("aria-disabled", String(running));
  stopButton.setAttribute("aria-disabled", String(!running));
}

/** An example goes to an environment that has what it imports, where there is one. */
function loadExample(example: Example): void {
  load({ ...emptyWork(), ...example.work });
  const { modules = [] } = example;
  const missing = (packages: { name: string }[]): string[] => modules.filter((module) => !packages.some(({ name }) => name === module));
  const environments = form.info?.environments ?? [];
  const own = environments.find(({ name }) => name === "default");
  const fits = environments.filter(({ packages }) => missing(packages).length === 0);
  result.clear();
  if (own === undefined || fits.includes(own)) {
    result.show({ tone: "idle", title: `${example.name}: ${example.about}`, notes: [], line: null, environment: null });
  } else if (fits[0] !== undefined) {
    form.select(fits[0].name);
    result.show({ tone: "idle", title: `${example.name}: ${example.about}`, notes: [`It runs in the environment ${fits[0].name}, which has ${modules.join(" and ")}.`], line: null, environment: null }); // prettier-ignore
  } else {
    const notes = [
      `No environment of this service has ${modules.join(" and ")}. Where it runs on Debian, python3-${modules[0]} brings it to the default one; ` +
        "docs/environments.md tells how to add a virtual environment. Restart the service afterwards.",
    ];
    result.show({ tone: "warn", title: `This example needs ${modules.join(" and ")}`, notes, line: null, environment: null });
  }
  editor.focus();
}

function askForKey(): void {
  keysAreOn = true;
  byId("key-form", HTMLFormElement).hidden = false;
  byId("key", HTMLInputElement).focus();
}

/** What the service is: without it, programs run all the same. */
async function readInfo(): Promise<void> {
  try {
    form.setInfo(await getInfo());
    keysAreOn ||= key.get() !== "";
    byId("key-form", HTMLFormElement).hidden = !keysAreOn;
  } catch (failure) {
    if (failure instanceof Refusal && failure.status === 401) askForKey();
  }
}

async function makeLink(): Promise<void> {
  const fragment = await toFragment(work());
  if (fragment === null) {
    result.show(plainVerdict("This is too much for a link. Are there large files?"));
    return;
  }
  history.replaceState(null, "", fragment);
  draft.changed();
  await copy(location.href, linkButton);
}

function setUpKeys(): void {
  document.addEventListener("keydown", (event) => {
    if (event.isComposing || document.querySelector("dialog[open]") !== null) return; // these keys mean something else there
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.defaultPrevented) {
      event.preventDefault();
      run();
    } else if (event.key === "Escape" && runner.running && !event.defaultPrevented) {
      void runner.stop();
    }
  });
  byId("key-form", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    key.set(byId("key", HTMLInputElement).value.trim());
    void readInfo();
  });
}

async function start(): Promise<void> {
  setUpTheme(byId("theme", HTMLButtonElement));
  setUpMenu(byId("examples", HTMLButtonElement), byId("example-list", HTMLElement), EXAMPLES.map((example) => ({ ...example, choose: () => loadExample(example) }))); // prettier-ignore
  setUpCodeDialog(byId("as-code", HTMLButtonElement), () => toRequest(work()), () => keysAreOn); // prettier-ignore
  setUpKeys();
  runButton.addEventListener("click", run);
  stopButton.addEventListener("click", () => void runner.stop());
  linkButton.addEventListener("click", () => void makeLink());
  addEventListener("hashchange", () => void fromFragment(location.hash).then((linked) => linked !== null && load(linked)));
  byId("key", HTMLInputElement).value = key.get();
  setRunning(false);

  const linked = await fromFragment(location.hash);
  load(draft.restored() ?? linked ?? { ...emptyWork(), ...EXAMPLES[0]?.work });
  await readInfo();
}

void start();
