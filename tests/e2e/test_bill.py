"""The bill of materials (tools/sbom.py): SPDX 2.3, complete, and the same each time."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def bill():
    return subprocess.run([sys.executable, ROOT / "tools/sbom.py"], capture_output=True, check=True, text=True).stdout


def test_the_bill_is_the_same_each_time():
    assert bill() == bill()


def test_every_package_is_in_it_once_with_a_licence():
    document = json.loads(bill())
    packages = document["packages"]
    assert document["spdxVersion"] == "SPDX-2.3"
    assert len({package["SPDXID"] for package in packages}) == len(packages)
    assert all(package["licenseDeclared"] != "NOASSERTION" for package in packages)
    listed = {(package["name"], package["versionInfo"]) for package in packages}
    lock = json.loads((ROOT / "web/package-lock.json").read_text())["packages"]
    for place, entry in lock.items():
        if place:
            assert (place.rpartition("node_modules/")[2], entry["version"]) in listed
    for library in ("libuv", "jansson", "libseccomp", "libsodium", "zlib", "llhttp", "glibc"):
        assert any(name == library and version != "NOASSERTION" for name, version in listed)


def test_every_relation_names_what_is_there():
    document = json.loads(bill())
    known = {item["SPDXID"] for kind in ("packages", "files") for item in document[kind]} | {"SPDXRef-DOCUMENT"}
    for relation in document["relationships"]:
        assert {relation["spdxElementId"], relation["relatedSpdxElement"]} <= known
