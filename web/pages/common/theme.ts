// Light or dark: what the system says, until somebody presses the button; then that, in this browser.

const NAME = "hatchery-theme";

type Theme = "light" | "dark";

function stored(): Theme | null {
  try {
    const value = localStorage.getItem(NAME);
    return value === "light" || value === "dark" ? value : null;
  } catch {
    return null; // storage is off: the system's
  }
}

function remember(theme: Theme): void {
  try {
    localStorage.setItem(NAME, theme);
  } catch {
    // storage is off: for this page only
  }
}

export function setUpTheme(button: HTMLButtonElement): void {
  const system = matchMedia("(prefers-color-scheme: dark)");
  let theme = stored();

  function show(): void {
    const dark = theme !== null ? theme === "dark" : system.matches;
    document.documentElement.dataset["theme"] = dark ? "dark" : "light";
    button.setAttribute("aria-pressed", String(dark));
  }
  button.addEventListener("click", () => {
    theme = document.documentElement.dataset["theme"] === "dark" ? "light" : "dark";
    remember(theme);
    show();
  });
  system.addEventListener("change", show);
  show();
}
