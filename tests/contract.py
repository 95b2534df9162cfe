"""Every JSON answer that a test's client gets is held against the service's own OpenAPI document."""

import jsonschema

# What any path may answer, because HTTP itself, or the guard before the routes, says so.
GENERAL = {400, 403, 404, 405, 408, 413, 414, 417, 421, 431, 501, 503, 505}


class Contract:
    """The document of one service; `check` is a hook of an httpx client."""

    def __init__(self, document):
        self.document = document
        self.validators = {}

    def operation(self, request):
        path = request.url.path
        path = "/runs/{id}" if path.startswith("/runs/") and path.count("/") == 2 else path
        return self.document["paths"].get(path, {}).get(request.method.lower())

    def validator(self, schema):
        name = str(schema)
        if name not in self.validators:
            self.validators[name] = jsonschema.Draft202012Validator(schema | {"components": self.document["components"]})
        return self.validators[name]

    def check(self, response):
        kind = response.headers.get("content-type", "")
        operation = self.operation(response.request)
        if kind != "application/json" or response.request.method == "HEAD" or (operation is None and response.status_code < 400):
            return
        response.read()
        described = operation["responses"].get(str(response.status_code)) if operation else None
        if described is None:
            assert response.status_code in GENERAL | ({401, 429} if operation is None else set()), f"{response.request.method} {response.request.url.path}: {response.status_code} is not in the document"
            schema = {"$ref": "#/components/schemas/Error"}
        else:
            schema = described["content"]["application/json"]["schema"]
        self.validator(schema).validate(response.json())
