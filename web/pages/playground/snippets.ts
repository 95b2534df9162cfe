// The current run as code for elsewhere. The key is named, never written out.
import type { ExecuteRequest } from "../common/api";

export type Language = "curl" | "python" | "javascript";

/** JSON has no line break of its own, so the here-document ends where it should, and the shell changes nothing in it. */
function curl(url: string, body: ExecuteRequest, keyed: boolean): string {
  const key = keyed ? ` \\\n     -H "Authorization: Bearer $HATCHERY_KEY"` : "";
  return `curl -s '${url}' \\
     -H 'Content-Type: application/json'${key} \\
     --data-binary @- <<'JSON'
${JSON.stringify(body)}
JSON
`;
}

/** JSON strings are Python strings, and there is no true, false or null in a request. */
function python(url: string, body: ExecuteRequest, keyed: boolean): string {
  const key = keyed ? `, "Authorization": "Bearer " + os.environ["HATCHERY_KEY"]` : "";
  return `import json
${keyed ? "import os\n" : ""}import urllib.request

body = ${JSON.stringify(body, null, 4)}
request = urllib.request.Request(
    ${JSON.stringify(url)},
    json.dumps(body).encode(),
    {"Content-Type": "application/json"${key}},
)
with urllib.request.urlopen(request) as response:
    answer = json.load(response)
print(answer["status"], answer["output"], answer["error"])
`;
}

function javascript(url: string, body: ExecuteRequest, keyed: boolean): string {
  const key = keyed ? `, Authorization: \`Bearer \${process.env.HATCHERY_KEY}\`` : "";
  return `const response = await fetch(${JSON.stringify(url)}, {
  method: "POST",
  headers: { "Content-Type": "application/json"${key} },
  body: JSON.stringify(${JSON.stringify(body, null, 2).replaceAll("\n", "\n  ")}),
});
const answer = await response.json();
console.log(answer.status, answer.output, answer.error);
`;
}

const WRITERS: Record<Language, typeof curl> = { curl, python, javascript };

export function snippet(language: Language, url: string, body: ExecuteRequest, keyed: boolean): string {
  return WRITERS[language](url, body, keyed);
}
