"""The request of POST /execute as a FastAPI application with pydantic v2 has it: what the service's own answers are compared with."""

import re
from typing import Annotated, Literal

from fastapi import FastAPI
from pydantic import AfterValidator, BaseModel, Field, create_model, model_validator


def refuse(condition, message):
    if condition:
        raise ValueError(message)


def argument(text):
    refuse("\0" in text, "a NUL character cannot be passed to a program")
    return text


def variable(name):
    refuse(not name, "a variable needs a name")
    refuse("=" in name or "\0" in name, 'a variable\'s name has no "=" and no NUL character')
    refuse(
        name.startswith("PYTHON"),
        "the interpreter reads PYTHON... variables when it starts, which was before this request; set in the code what they would set",
    )
    return name


def parts(text):
    for part in text.split("/"):
        refuse(
            any(c < " " or c in "\x7f\\" for c in part),
            'a path has no control characters and no backslash; its parts are separated by "/"',
        )
        refuse(part in ("", ".", ".."), 'a path has no empty part, no "." and no ".."')
        refuse(len(part.encode()) > 255, "a part of a path has at most 255 bytes")
    return text.count("/") + 1


def path(text):
    refuse(not text, "a file needs a path")
    refuse(text[0] == "/", 'a path is relative to the working folder: it does not begin with "/"')
    refuse(parts(text) > 16, "a path has at most 16 parts")
    return text


def pattern(text):
    refuse(not text, 'a pattern is not empty; "**" means every file')
    refuse(text[0] == "/", 'a pattern is relative to the working folder: it does not begin with "/"')
    refuse(len(text.encode()) > 511, "a pattern has at most 511 bytes")
    refuse(parts(text) > 32, "a pattern has at most 32 parts")
    return text


def base64(text):
    digits = re.sub("[ \t\r\n]", "", text)
    refuse(
        not re.fullmatch("[A-Za-z0-9+/]*={0,2}", digits),
        'this is not Base64: its characters are A-Z, a-z, 0-9, "+", "/", and "=" at the end',
    )
    refuse(len(digits) % 4, 'this Base64 is cut off: with its padding ("=") it has groups of four characters')
    return text


Argument = Annotated[str, Field(max_length=32767), AfterValidator(argument)]
Variable = Annotated[str, Field(max_length=255), AfterValidator(variable)]
Pattern = Annotated[str, Field(max_length=511), AfterValidator(pattern)]


class File(BaseModel):
    path: Annotated[str, AfterValidator(path)]
    content: str | None = None
    content_base64: Annotated[str, AfterValidator(base64)] | None = None

    @model_validator(mode="after")
    def one_content(self):
        refuse((self.content is None) == (self.content_base64 is None), 'a file has either "content", text, or "content_base64", bytes')
        return self


class Request(BaseModel):
    code: str
    timeout: Annotated[float, Field(gt=0, le=60)] | None = 5
    stdin: str | None = None
    args: Annotated[list[Argument], Field(max_length=256)] | None = None
    env: Annotated[dict[Variable, Argument], Field(max_length=256)] | None = None


Files = Annotated[list[File], Field(max_length=1024)] | None


def limits_model(most):
    """`most`: what GET /info says of the environment's limits."""
    whole = {"memory": 16 << 20, "processes": 1, "output": 1024, "workspace": 64 << 10, "open_files": 16}
    fields = {"cpu_time": (Annotated[float, Field(gt=0, le=most["cpu_time"] or 86400)] | None, None)}
    fields |= {name: (Annotated[int, Field(ge=least, le=most[name])] | None, None) for name, least in whole.items()}
    return create_model("Limits", **fields)


def application(info):
    """The application whose answers those of a service with this GET /info must equal."""
    names = tuple(environment["name"] for environment in info["environments"])
    fields = {
        "environment": (Literal[names], names[0]),
        "files": (Files, None),
        "collect": (Annotated[list[Pattern], Field(max_length=64)] | None, None),
        "limits": (limits_model(info["environments"][0]["limits"]) | None, None),
    }
    model = create_model("ExecuteRequest", __base__=Request, **fields)
    app = FastAPI()

    @app.post("/execute")
    async def execute(request: model):
        return {}

    return app
