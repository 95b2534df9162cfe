// A button that opens a list of choices.
import { element } from "../common/dom";

export interface Choice {
  name: string;
  about: string;
  choose: () => void;
}

export function setUpMenu(button: HTMLButtonElement, list: HTMLElement, choices: readonly Choice[]): void {
  function open(yes: boolean): void {
    list.hidden = !yes;
    button.setAttribute("aria-expanded", String(yes));
  }
  const buttons = choices.map(({ name, about, choose }) => {
    const choice = element("button", { type: "button" }, element("strong", {}, name), element("span", { className: "quiet" }, about));
    choice.addEventListener("click", () => {
      open(false);
      choose();
    });
    return choice;
  });
  list.replaceChildren(...buttons.map((choice) => element("li", {}, choice)));

  function move(by: number): void {
    const at = buttons.findIndex((choice) => choice === document.activeElement);
    buttons[(at + by + buttons.length) % buttons.length]?.focus();
  }
  button.addEventListener("click", () => open(list.hidden));
  for (const part of [button, list])
    part.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !list.hidden) {
        event.stopPropagation();
        open(false);
        button.focus();
      } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        open(true);
        move(event.key === "ArrowDown" ? 1 : -1);
      }
    });
  document.addEventListener("pointerdown", (event) => {
    if (event.target instanceof Node && !list.contains(event.target) && !button.contains(event.target)) open(false);
  });
  list.addEventListener("focusout", (event) => {
    const next = event.relatedTarget;
    if (next instanceof Node && !list.contains(next) && next !== button) open(false);
  });
}
