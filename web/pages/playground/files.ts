// The files that a run starts with: chosen, or dropped anywhere on the page.
import type { InputFile } from "../common/api";
import { element } from "../common/dom";
import { bytes } from "../common/format";
import { base64Size, toBase64, toText } from "./bytes";

async function read(file: File): Promise<InputFile> {
  const content = new Uint8Array(await file.arrayBuffer());
  const text = toText(content);
  return text !== null ? { path: file.name, content: text } : { path: file.name, content_base64: toBase64(content) };
}

function size(file: InputFile): number {
  return file.content !== undefined ? new Blob([file.content]).size : base64Size(file.content_base64 ?? "");
}

export interface FileList {
  get(): InputFile[];
  set(files: InputFile[]): void;
}

interface Parts {
  list: HTMLElement;
  chooser: HTMLInputElement;
  button: HTMLButtonElement;
}

export function setUpFiles({ list, chooser, button }: Parts, onChange: () => void, most: () => number, tell: (problem: string) => void): FileList {
  let files: InputFile[] = [];

  function remove(file: InputFile): void {
    files = files.filter((other) => other !== file);
    show();
    button.focus();
    onChange();
  }
  function show(): void {
    list.replaceChildren(
      ...files.map((file) => {
        const button = element("button", { type: "button", className: "plain", "aria-label": `Remove ${file.path}` }, "✕");
        button.addEventListener("click", () => remove(file));
        return element("li", {}, element("code", {}, file.path), element("span", { className: "quiet" }, ` ${bytes(size(file))}`), button);
      }),
    );
  }
  async function add(chosen: Iterable<File>): Promise<void> {
    for (const file of chosen) {
      if (file.size > most()) {
        tell(`${file.name} has ${bytes(file.size)}: a request has at most ${bytes(most())}.`);
        continue;
      }
      try {
        const made = await read(file);
        files = [...files.filter(({ path }) => path !== made.path), made];
      } catch {
        tell(`${file.name} cannot be read. Is it a folder?`);
      }
    }
    show();
    onChange();
  }

  button.addEventListener("click", () => chooser.click());
  chooser.addEventListener("change", () => {
    void add([...(chooser.files ?? [])]).then(() => (chooser.value = ""));
  });
  let depth = 0; // dragenter and dragleave come for every element in between
  const carriesFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes("Files") ?? false;
  const shade = (): void => void document.body.classList.toggle("dropping", depth > 0);
  addEventListener("dragenter", (event) => {
    if (carriesFiles(event)) depth++;
    shade();
  });
  addEventListener("dragleave", (event) => {
    if (carriesFiles(event)) depth--;
    shade();
  });
  // before the editor, which would insert a file's text
  addEventListener("dragover", (event) => carriesFiles(event) && event.preventDefault(), { capture: true });
  addEventListener(
    "drop",
    (event) => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      event.stopPropagation();
      depth = 0;
      shade();
      void add([...(event.dataTransfer?.files ?? [])]);
    },
    { capture: true },
  );

  return {
    get: () => files,
    set(next) {
      files = next;
      show();
    },
  };
}
