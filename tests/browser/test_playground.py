"""The playground, used as its users do."""

import hashlib
import json
import os
import re
import subprocess

import pytest

pytest.importorskip("playwright.sync_api", reason="no Playwright here: tests/requirements.txt")
from playwright.sync_api import expect  # noqa: E402

from playground import Playground  # noqa: E402
from service import wait_for  # noqa: E402


def has_module(name):
    return subprocess.run(["/usr/bin/python3", "-c", f"import {name}"], capture_output=True, check=False).returncode == 0


needs_matplotlib = pytest.mark.skipif(not has_module("matplotlib"), reason="/usr/bin/python3 has no matplotlib: tools/deps.sh ci installs it")
needs_pandas = pytest.mark.skipif(not has_module("pandas"), reason="/usr/bin/python3 has no pandas: tools/deps.sh ci installs it")


class TestRunning:
    def test_type_and_run(self, playground):
        playground.editor.click()
        playground.page.keyboard.press("Control+a")
        playground.page.keyboard.type("print(sum(range(10)))")
        playground.page.keyboard.press("Control+Enter")
        expect(playground.output).to_have_text("45\n")
        expect(playground.title).to_contain_text("Finished in")

    def test_output_comes_before_the_end_and_stop_ends_it(self, playground):
        playground.page.get_by_label("Timeout, s").fill("60")
        playground.write("import time\nprint('first')\ntime.sleep(59)")
        playground.run_button.click()
        expect(playground.output).to_have_text("first\n")
        expect(playground.title).to_have_text("Running")
        expect(playground.page.get_by_role("meter", name="Time")).to_be_visible()
        playground.stop_button.click()
        expect(playground.title).to_contain_text("Stopped by you")
        expect(playground.page.locator("#raw")).to_contain_text("The answer as JSON")  # the service's own answer came

    def test_stop_while_waiting(self, open_playground, make_service):
        service = make_service(concurrency=1, pool=1)
        first, second = open_playground(service), open_playground(service)
        first.page.get_by_label("Timeout, s").fill("60")
        first.write("import time\ntime.sleep(59)")
        first.run_button.click()
        expect(first.title).to_have_text("Running")
        second.run_button.click()
        expect(second.title).to_have_text("Waiting for a sandbox")
        second.page.keyboard.press("Escape")
        expect(second.title).to_contain_text("Stopped by you")
        expect(second.page.locator("#raw-text")).to_contain_text('"status": "cancelled"')
        first.page.close()  # which ends its run

        def well():
            service.canary()
            return True

        wait_for(well, 20, "a place")

    def test_standard_error_is_told_apart(self, playground):
        playground.run("import sys\nprint('out')\nprint('err', file=sys.stderr)\nprint('out again')")
        expect(playground.output.locator(".stderr")).to_have_text("err\n")
        assert "".join(playground.output.locator(".stdout").all_text_contents()) == "out\nout again\n"

    def test_a_line_stays_in_one_piece(self, playground):
        """What the other stream prints in the middle of a line comes after it, or before."""
        playground.run("import sys, time\nprint('be', end='', flush=True)\ntime.sleep(0.1)\nprint('err', file=sys.stderr)\ntime.sleep(0.1)\nprint('gin')")
        expect(playground.output).to_have_text("begin\nerr\n")

    def test_input(self, playground):
        playground.panel("Standard input").get_by_label("Standard input").fill("a line\nanother")
        panel = playground.panel("Arguments and variables")
        panel.get_by_label("Arguments").fill("--fast\ntwo words\n")
        panel.get_by_label("Environment variables").fill("MODE=a=b\nEMPTY=")
        playground.run("import os, sys\nprint(sys.argv[1:], os.environ['MODE'], repr(os.environ['EMPTY']), sys.stdin.read().split('\\n'))")
        expect(playground.output).to_have_text("['--fast', 'two words'] a=b '' ['a line', 'another']\n")
        expect(playground.page.locator("#panel-args .note")).to_have_text("2 arguments, 2 variables")

    def test_limits_are_those_of_the_service(self, playground, service):
        limits = service.client.get("/info").json()["environments"][0]["limits"]
        panel = playground.panel("Limits and packages")
        memory = panel.get_by_label("Memory, MiB")
        assert memory.get_attribute("placeholder") == str(limits["memory"] >> 20)
        memory.fill("64")
        playground.run("x = bytearray(100 << 20)")
        expect(playground.title).to_have_text(re.compile("more than 64 MiB|MemoryError"))
        playground.page.watch.expected.append("422")
        memory.fill("999999")
        playground.run("print(1)")
        expect(playground.title).to_have_text("The request does not fit")
        expect(playground.verdict).to_contain_text("limits.memory: Input should be less than or equal to")



    def test_carriage_returns(self, playground):
        playground.run("import sys\nfor i in range(3): sys.stdout.write(f'\\r{i} of 2')\nprint('\\r\\nend')")
        expect(playground.output).to_have_text("2 of 2\nend\n")

    def test_a_flood_does_not_drown_the_page(self, playground):
        playground.page.get_by_label("Timeout, s").fill("2")
        playground.run("while True: print('x' * 1000)")
        expect(playground.output).to_contain_text("what came before is no longer shown")
        assert playground.output.evaluate("(e) => e.textContent.length") < 400_000
        playground.run("print('well')")
        expect(playground.output).to_have_text("well\n")

    def test_output_is_text(self, playground):
        """Nothing that a program says becomes a part of the page."""
        evil = "<img src=x onerror=alert(1)>"
        playground.run(f"import sys\nopen({evil!r}.replace('/', ''), 'w').write('x')\nprint({evil!r})\nraise ValueError({evil!r})")
        expect(playground.output).to_contain_text(evil)
        expect(playground.verdict).to_contain_text(evil)
        assert playground.page.locator("#result img").count() == 0


class TestVerdicts:
    def test_error_leads_to_its_line(self, playground):
        playground.run("def f(x):\n    return 1 / x\n\n\nf(0)\n")
        expect(playground.title).to_have_text("ZeroDivisionError on line 2")
        expect(playground.verdict).to_contain_text("division by zero")
        expect(playground.page.locator(".cm-mark-error")).to_have_text("    return 1 / x")
        playground.output.get_by_role("button", name='File "/sandbox/main.py", line 5').click()
        expect(playground.page.locator(".cm-activeLine")).to_have_text("f(0)")
        expect(playground.editor).to_be_focused()
        playground.run("print(1)")
        expect(playground.page.locator(".cm-mark-error")).to_have_count(0)

    def test_syntax_error(self, playground):
        playground.run("x = 1\ny = (")
        expect(playground.title).to_have_text("SyntaxError on line 2")
        expect(playground.page.locator(".cm-mark-error")).to_have_text("y = (")

    def test_timeout_tells_where_it_was(self, playground):
        playground.page.get_by_label("Timeout, s").fill("0.7")

        def told():  # a stack has 5 ms to come: on a busy machine not the first time
            playground.run("import time\ndef wait():\n    time.sleep(60)\nprint('waiting')\nwait()")
            return playground.page.locator("#stack").is_visible()

        wait_for(told, 60, "a stack")
        expect(playground.title).to_have_text("Stopped at its time limit of 700 ms")
        expect(playground.verdict).to_contain_text("It was in wait(), line 3.")
        expect(playground.page.locator("#stack li")).to_have_text(["line 5, in <module>", "line 3, in wait"])
        expect(playground.page.locator(".cm-mark-stopped")).to_have_text("    time.sleep(60)")
        expect(playground.output).to_have_text("waiting\n")
        meter = playground.page.get_by_role("meter", name="Time")
        assert meter.get_attribute("aria-valuenow") == "100"

    def test_memory_bomb(self, playground):
        playground.example("Memory bomb")
        playground.run()
        expect(playground.title).to_have_text("Ended: it needed more than 256 MiB of memory")
        expect(playground.output).to_contain_text("holding 16 MiB")
        assert int(playground.page.get_by_role("meter", name="Memory").get_attribute("aria-valuenow")) > 90

    def test_fork_bomb(self, playground, service):
        playground.example("Fork bomb")
        playground.run()
        expect(playground.title).to_have_text("Stopped at its time limit of 2 s")
        expect(playground.verdict).to_contain_text("more than 64 processes")
        expect(playground.verdict).to_contain_text("processes are gone")
        service.canary()

    def test_exit_status_and_signal(self, playground):
        playground.run("raise SystemExit(3)")
        expect(playground.title).to_contain_text("Ended with exit status 3")
        playground.run("import os\nos.abort()")
        expect(playground.title).to_have_text("Ended by SIGABRT")


class TestFiles:
    def test_up_and_down(self, playground):
        blob = bytes(range(256))
        playground.panel("Files")
        playground.page.locator("#file-chooser").set_input_files([
            {"name": "text.txt", "mimeType": "text/plain", "buffer": "\ufeffgrüß\r\n".encode()},
            {"name": "blob.bin", "mimeType": "application/octet-stream", "buffer": blob},
        ])  # fmt: skip
        expect(playground.page.locator("#file-list li")).to_have_count(2)
        playground.run("print(open('text.txt', 'rb').read())\nb = open('blob.bin', 'rb').read()\nopen('back <b>.bin', 'wb').write(b[::-1])")
        expect(playground.output).to_have_text(str("\ufeffgrüß\r\n".encode()) + "\n")
        expect(playground.page.locator("#collected li")).to_have_count(1)  # what came back unchanged is no news
        with playground.page.expect_download() as download:
            playground.page.locator("#collected").get_by_role("link", name="back <b>.bin").click()
        with open(download.value.path(), "rb") as file:
            assert file.read() == blob[::-1]
        playground.page.get_by_role("button", name="Remove blob.bin").click()
        expect(playground.page.locator("#file-list li")).to_have_count(1)

    def test_dropped(self, playground):
        """Anywhere on the page, the editor included: its text stays as it is."""
        code = "print(open('dropped.csv').read())"
        playground.write(code)
        data = playground.page.evaluate_handle(
            "() => { const data = new DataTransfer(); data.items.add(new File(['a,b'], 'dropped.csv')); return data; }")
        for event in ("dragenter", "dragover", "drop"):
            playground.editor.dispatch_event(event, {"dataTransfer": data})
        expect(playground.page.locator("#file-list li")).to_contain_text("dropped.csv")
        assert playground.text() == code
        playground.run()
        expect(playground.output).to_have_text("a,b\n")

    def test_plot(self, playground):
        """On a machine that has just installed Python."""
        playground.example("Plot")
        playground.run()
        picture = playground.page.get_by_role("img", name="The picture oscillations.svg")
        expect(picture).to_be_visible()
        assert picture.evaluate("(image) => image.decode().then(() => image.naturalWidth)") == 640

    @needs_matplotlib
    def test_matplotlib(self, playground):
        playground.example("Matplotlib")
        playground.run()
        picture = playground.page.get_by_role("img", name="The picture oscillations.png")
        expect(picture).to_be_visible()
        assert picture.evaluate("(image) => image.decode().then(() => image.naturalWidth)") == 770

    @needs_pandas
    def test_csv(self, playground):
        playground.example("CSV")
        playground.run()
        expect(playground.output).to_contain_text("eggs")
        expect(playground.page.locator("#collected")).to_contain_text("summary.csv")

    def test_picture_with_a_script(self, playground):
        svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9" onload="document.title=1"><script>document.title=1</script></svg>'
        playground.run(f"open('x.svg', 'w').write({svg!r})")
        expect(playground.page.get_by_role("img", name="The picture x.svg")).to_be_visible()
        assert playground.page.title() == "hatchery"


class TestEnvironments:
    @needs_pandas
    def test_a_missing_module_leads_to_who_has_it(self, open_playground, two_environments):
        playground = open_playground(two_environments)
        playground.environment.select_option("default")
        playground.run("import pandas\nprint('there')")
        expect(playground.title).to_have_text("ModuleNotFoundError on line 1")
        expect(playground.verdict).to_contain_text('The module "pandas" is in the environment "data"')
        playground.page.get_by_role("button", name="Use the environment data").click()
        expect(playground.output).to_have_text("there\n")

    @needs_matplotlib
    def test_an_example_goes_where_it_can_run(self, open_playground, two_environments):
        playground = open_playground(two_environments)
        playground.example("Matplotlib")
        expect(playground.environment).to_have_value("data")
        expect(playground.verdict).to_contain_text("the environment data, which has matplotlib")

    def test_nobody_has_it(self, playground):
        playground.run("import surely_nowhere")
        expect(playground.verdict).to_contain_text("No environment of this service has it")


class TestLinks:
    def test_link_holds_everything_but_the_key(self, playground, open_playground, service):
        playground.write("print('from a link: é', input())")
        playground.panel("Standard input").get_by_label("Standard input").fill("hello")
        playground.page.get_by_label("Timeout, s").fill("3.5")
        playground.page.get_by_role("button", name="Copy link").click()
        expect(playground.page.get_by_role("button", name="Copied")).to_be_visible()
        link = playground.page.evaluate("navigator.clipboard.readText()")
        assert link == playground.page.url and len(link) < 300
        other = open_playground(service, link.removeprefix(service.url))
        assert other.text() == "print('from a link: é', input())"
        expect(other.title).to_have_text("Ready")  # opening one runs nothing
        other.run()
        expect(other.output).to_have_text("from a link: é hello\n")
        assert other.page.get_by_label("Timeout, s").input_value() == "3.5"

    @pytest.mark.parametrize("fragment", ["#1,", "#1,AAAA", "#1,%00", "#1,!!", "#2,x", "#nonsense", "#1," + "A" * 5000])
    def test_broken_links(self, open_playground, service, fragment):
        playground = open_playground(service, "/" + fragment)
        assert "Hello from Python" in playground.text()

    def test_a_small_link_that_is_a_large_program(self, open_playground, service):
        import base64
        import zlib

        packer = zlib.compressobj(9, wbits=-15)
        packed = packer.compress(b'{"code":"' + b"#" * (64 << 20) + b'"}') + packer.flush()
        playground = open_playground(service, "/#1," + base64.urlsafe_b64encode(packed).decode().rstrip("="))
        assert "Hello from Python" in playground.text()

    def test_a_reload_loses_nothing(self, playground):
        playground.write("print('kept')")
        playground.page.reload()
        playground.ready()
        assert playground.text() == "print('kept')"


def snippet(playground, language):
    playground.page.get_by_role("button", name="As code").click()
    playground.page.get_by_label(language, exact=True).check()
    text = playground.page.get_by_label("Code", exact=True).input_value()
    playground.page.keyboard.press("Escape")
    return text


class TestElsewhere:
    CODE = "import sys\nprint('it\\'s $HOME `x` \"é\" \\\\ \\x07 END', sys.argv[1], input())\n"

    @pytest.mark.parametrize("language, interpreter", [("curl", ["bash", "-c"]), ("Python", ["/usr/bin/python3", "-c"]), ("JavaScript", ["node", "--input-type=module", "-e"])])
    def test_it_runs(self, playground, language, interpreter):
        playground.write(self.CODE)
        playground.panel("Arguments and variables").get_by_label("Arguments").fill("'\"$(id)\\")
        playground.panel("Standard input").get_by_label("Standard input").fill("JSON\nEOF")
        text = snippet(playground, language)
        done = subprocess.run([*interpreter, text], capture_output=True, text=True, timeout=60, check=True)
        expected = "it's $HOME `x` \"é\" \\ \x07 END '\"$(id)\\ JSON\n"
        said = json.loads(done.stdout)["output"] if language == "curl" else done.stdout
        assert expected in said, done

    def test_keys_of_the_dialog_are_its_own(self, playground):
        playground.page.get_by_label("Timeout, s").fill("60")
        playground.write("import time\ntime.sleep(59)")
        playground.page.keyboard.press("Control+Enter")
        expect(playground.title).to_have_text("Running")
        playground.page.get_by_role("button", name="As code").click()
        playground.page.keyboard.press("Escape")
        expect(playground.page.get_by_role("dialog")).not_to_be_visible()
        expect(playground.title).to_have_text("Running")
        playground.page.keyboard.press("Escape")
        expect(playground.title).to_contain_text("Stopped by you")

    def test_copied(self, playground):
        playground.write("print(1)")
        playground.page.get_by_role("button", name="As code").click()
        playground.page.locator("#code-copy").click()
        assert "curl" in playground.page.evaluate("navigator.clipboard.readText()")


class TestKeys:
    KEY = "hatchery_of_the_test"

    @pytest.fixture
    def keyed(self, make_service, tmp_path):
        path = tmp_path / "keys"
        path.write_text(f"alice sha256:{hashlib.sha256(self.KEY.encode()).hexdigest()}\n")
        service = make_service(keys_file=path, pool=2)
        wait_for(lambda: "keys.loaded" in service.log_text(), 20, "the keys")
        return service

    def test_key(self, open_page, keyed):
        page = open_page(keyed, expected=["401"])
        field = page.get_by_label("API key")
        expect(field).to_be_visible()
        field.fill("wrong")
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Run", exact=True).click()
        expect(page.locator("#verdict-title")).to_have_text("An API key is needed")
        field.fill(self.KEY)
        page.keyboard.press("Enter")
        playground = Playground(page)
        playground.run("print('with a key')")
        expect(playground.output).to_have_text("with a key\n")

        # it is named in what is copied, and nowhere else
        page.get_by_role("button", name="Copy link").click()
        assert self.KEY not in page.url and self.KEY not in page.evaluate("JSON.stringify(localStorage)")
        for language in ("curl", "Python", "JavaScript"):
            assert self.KEY not in snippet(playground, language)
        text = snippet(playground, "curl")
        done = subprocess.run(["bash", "-c", text], capture_output=True, text=True, timeout=60, check=True, env=os.environ | {"HATCHERY_KEY": self.KEY})
        assert json.loads(done.stdout)["output"] == "with a key\n"
        page.reload()
        playground.ready()  # the tab still has it


def test_service_that_is_gone(open_playground, make_service):
    service = make_service(pool=1)
    playground = open_playground(service, expected=["ERR_CONNECTION_REFUSED"])
    service.stop()
    playground.run("print(1)")
    expect(playground.title).to_have_text("The service cannot be reached")
    service.start()
