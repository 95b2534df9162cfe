"""What a JSON schema cannot say of a request: two files in one place, a file in a file, main.py. Where a request that is meant to be
good has it, its files get names of their own."""

import schemathesis
from schemathesis import GenerationMode


def clash(files):
    seen = set()
    for path in sorted(file["path"] for file in files):
        parts = path.split("/")
        if parts[0] == "main.py" or any("/".join(parts[:n]) in seen for n in range(1, len(parts) + 1)):
            return True
        seen.add(path)
    return False


@schemathesis.hook
def before_call(context, case, kwargs):
    files = case.body.get("files") if isinstance(case.body, dict) else None
    if case.meta is not None and case.meta.generation.mode == GenerationMode.POSITIVE and files and clash(files):
        case.body["files"] = [file | {"path": f"file-{n}"} for n, file in enumerate(files)]
