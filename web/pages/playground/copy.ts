// Text for the clipboard, and the dialog that shows the current run as code.
import type { ExecuteRequest } from "../common/api";
import { byId } from "../common/dom";
import { snippet, type Language } from "./snippets";

const CONFIRMED_MS = 1500;

/** Copies, and says so on the button. Where the clipboard is not to be had, the text is selected for the user's own keys. */
export async function copy(text: string, button: HTMLButtonElement, field?: HTMLTextAreaElement): Promise<void> {
  const label = button.dataset["label"] ?? button.textContent ?? "";
  button.dataset["label"] = label;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    field?.select();
    button.textContent = field !== undefined ? "Selected: copy it" : "No clipboard here";
  }
  setTimeout(() => (button.textContent = label), CONFIRMED_MS);
}

export function setUpCodeDialog(opener: HTMLButtonElement, body: () => ExecuteRequest, keyed: () => boolean): void {
  const dialog = byId("code-dialog", HTMLDialogElement);
  const field = byId("code-text", HTMLTextAreaElement);
  const button = byId("code-copy", HTMLButtonElement);
  const languages = [...dialog.querySelectorAll<HTMLInputElement>("input[name=language]")];

  function show(): void {
    const language = (languages.find(({ checked }) => checked)?.value ?? "curl") as Language;
    field.value = snippet(language, new URL("/execute", location.href).href, body(), keyed());
  }
  opener.addEventListener("click", () => {
    show();
    dialog.showModal();
  });
  for (const language of languages) language.addEventListener("change", show);
  button.addEventListener("click", () => void copy(field.value, button, field));
  byId("code-close", HTMLButtonElement).addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close(); // beside it
  });
}
