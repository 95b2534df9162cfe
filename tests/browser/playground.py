"""The playground as a user has it."""

import re

from playwright.sync_api import expect


class Playground:
    """The page at /, in an open browser."""

    def __init__(self, page):
        self.page = page
        self.editor = page.locator(".cm-content")
        self.run_button = page.get_by_role("button", name="Run", exact=True)
        self.stop_button = page.get_by_role("button", name="Stop", exact=True)
        self.output = page.locator("#output")
        self.title = page.locator("#verdict-title")
        self.verdict = page.locator("#verdict")
        self.environment = page.get_by_role("combobox", name="Environment")
        self.ready()

    def ready(self):
        """The service has said what it is."""
        expect(self.page.locator("#environment")).to_contain_text("Python")

    def write(self, code):
        """As if pasted: what the editor adds to typed text (indentation, brackets) is not wanted here."""
        self.editor.click()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(code)

    def text(self):
        return "\n".join(self.page.locator(".cm-line").all_inner_texts())

    def ended(self):
        expect(self.run_button).to_have_attribute("aria-disabled", "false")

    def run(self, code=None):
        if code is not None:
            self.write(code)
        self.run_button.click()
        self.ended()

    def example(self, name):
        self.page.get_by_role("button", name="Examples").click()
        self.page.locator("#example-list").get_by_role("button", name=re.compile(rf"^{re.escape(name)}\b")).click()

    def panel(self, name):
        panel = self.page.locator("#given > details").filter(has=self.page.locator("summary", has_text=re.compile("^" + name)))
        if panel.get_attribute("open") is None:
            panel.locator("summary").first.click()
        return panel
