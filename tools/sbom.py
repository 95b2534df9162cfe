"""sbom.py: writes a software bill of materials to standard output: SPDX 2.3 as JSON. This source's files, the libraries that the
binaries link, as they are installed here, and the packages of the web pages, from the lock file.

The same tree gives the same bytes: the time is SOURCE_DATE_EPOCH, or that of the last commit.
"""

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import uuid
from datetime import datetime, timezone
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# pkg-config name, Debian packages that have it, licence, how it is linked
LIBRARIES = [
    ("libuv", ["libuv1-dev"], "MIT AND BSD-2-Clause AND ISC", "DYNAMIC_LINK"),
    ("jansson", ["libjansson-dev"], "MIT", "DYNAMIC_LINK"),
    ("libseccomp", ["libseccomp-dev"], "LGPL-2.1-only", "DYNAMIC_LINK"),
    ("libsodium", ["libsodium-dev"], "ISC", "DYNAMIC_LINK"),
    ("zlib", ["zlib1g-dev"], "Zlib", "DYNAMIC_LINK"),
    ("llhttp", ["libllhttp-dev", "node-llhttp"], "MIT", "STATIC_LINK"),
    ("glibc", ["libc6-dev"], "LGPL-2.1-or-later", "STATIC_LINK"),
]
# Packages whose own licence file says what the lock file does not, or not in SPDX words.
LICENCES = {"decko": "MIT", "stickyfill": "MIT", "url-template": "BSD-3-Clause"}
BUILD_TOOLS = {"esbuild", "typescript", "axe-core"}  # of the web packages; no byte of them is in the binary


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout


def identifier(*parts):
    return "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", "-".join(parts))


def created():
    epoch = os.environ.get("SOURCE_DATE_EPOCH") or run("git", "log", "-1", "--format=%ct").strip()
    return datetime.fromtimestamp(int(epoch), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def installed_version(packages):
    for package in packages:
        answer = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True, check=False)
        if answer.returncode == 0 and answer.stdout:
            return package, answer.stdout
    return None, None


def source_files():
    """This project's own, of what is built into the binaries."""
    for name in sorted(run("git", "ls-files", "src", "web", "tools", "meson.build").split()):
        content = (ROOT / name).read_bytes()
        yield {
            "SPDXID": identifier("File", name),
            "fileName": f"./{name}",
            "checksums": [
                {"algorithm": "SHA1", "checksumValue": hashlib.sha1(content).hexdigest()},
                {"algorithm": "SHA256", "checksumValue": hashlib.sha256(content).hexdigest()},
            ],
            "licenseConcluded": "MIT",
            "licenseInfoInFiles": ["NOASSERTION"],
            "copyrightText": "NOASSERTION",
        }


def package(name, version, spdx_id, licence, location="NOASSERTION", **more):
    return {
        "name": name,
        "SPDXID": spdx_id,
        "versionInfo": version,
        "downloadLocation": location,
        "filesAnalyzed": False,
        "licenseConcluded": licence,
        "licenseDeclared": licence,
        "copyrightText": "NOASSERTION",
        **more,
    }


def reference(kind, locator):
    return {"referenceCategory": "PACKAGE-MANAGER", "referenceType": kind, "referenceLocator": locator}


def web_packages():
    """Each of the lock file once: what it is of the product, and its entry."""
    lock = json.loads((ROOT / "web/package-lock.json").read_text())["packages"]
    seen = set()
    for place, entry in sorted(lock.items()):
        name = place.rpartition("node_modules/")[2]
        if not name or (name, entry["version"]) in seen:
            continue
        seen.add((name, entry["version"]))
        tool = entry.get("dev") or name in BUILD_TOOLS or name.startswith("@esbuild/")
        hashes = entry.get("integrity", "")
        checksums = []
        if hashes.startswith("sha512-"):
            checksums = [{"algorithm": "SHA512", "checksumValue": base64.b64decode(hashes[7:]).hex()}]
        yield "BUILD_TOOL_OF" if tool else "CONTAINED_BY", package(
            name,
            entry["version"],
            identifier("npm", name, entry["version"]),
            LICENCES.get(name) or entry.get("license", "NOASSERTION"),
            entry.get("resolved", "NOASSERTION"),
            checksums=checksums,
            externalRefs=[reference("purl", f"pkg:npm/{name.replace('@', '%40')}@{entry['version']}")],
        )


def main():
    version = re.search(r"^  version: '(.+)'", (ROOT / "meson.build").read_text(), re.MULTILINE)[1]
    files = list(source_files())
    sums = sorted(file["checksums"][0]["checksumValue"] for file in files)
    own = package("hatchery", version, "SPDXRef-hatchery", "MIT", filesAnalyzed=True)
    own["packageVerificationCode"] = {"packageVerificationCodeValue": hashlib.sha1("".join(sums).encode()).hexdigest()}
    own["hasFiles"] = [file["SPDXID"] for file in files]
    own["licenseInfoFromFiles"] = ["NOASSERTION"]
    packages, relations = [own], [("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-hatchery")]
    for name, debian, licence, link in LIBRARIES:
        found, number = installed_version(debian)
        refs = [reference("purl", f"pkg:deb/debian/{found}@{number}")] if found else []
        packages.append(package(name, number or "NOASSERTION", identifier("library", name), licence, externalRefs=refs))
        relations.append(("SPDXRef-hatchery", link, identifier("library", name)))
    for relation, entry in web_packages():
        packages.append(entry)
        relations.append((entry["SPDXID"], relation, "SPDXRef-hatchery"))
    document = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"hatchery-{version}",
        "documentNamespace": f"https://spdx.org/spdxdocs/hatchery-{version}-{uuid.uuid5(uuid.NAMESPACE_URL, ''.join(sums))}",
        "creationInfo": {"created": created(), "creators": ["Tool: hatchery-sbom", "Organization: Hatchery maintainers"]},
        "packages": packages,
        "files": files,
        "relationships": [
            {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other} for one, kind, other in relations
        ],
    }
    json.dump(document, sys.stdout, indent=1, sort_keys=True)
    print()


main()
