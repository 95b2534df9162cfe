"""`make install` and `make uninstall`: into a folder, as packagers do it."""

import os
import subprocess

import pytest

from service import BINARY

BUILD = BINARY.parent
needs_build_folder = pytest.mark.skipif(not (BUILD / "build.ninja").exists(), reason="the binary is installed, not built here")


def installed(root):
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def meson_install(root, *options):
    subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", *options], check=True, env=os.environ | {"DESTDIR": str(root)})


@needs_build_folder
def test_install_and_uninstall(tmp_path):
    meson_install(tmp_path)
    files = installed(tmp_path)
    unit = next(tmp_path.rglob("hatchery.service"))
    binary = next(tmp_path.rglob("bin/hatchery"))
    assert f"ExecStart=/{binary.relative_to(tmp_path)} serve\n" in unit.read_text()
    assert unit.with_name("hatchery.socket").exists()
    settings = tmp_path / "etc/hatchery/hatchery.conf"
    serve = [binary, "serve", "--config", settings, "--dump-config"]
    dump = subprocess.run(serve, check=True, capture_output=True, text=True, env={}).stdout
    assert "first-uid = 1900000000" in dump, "the settings file is one that the service reads"

    settings.write_text("limit-memory = 100M\n")
    meson_install(tmp_path)
    assert settings.read_text() == "limit-memory = 100M\n" and installed(tmp_path) == files

    subprocess.run(["ninja", "-C", BUILD, "uninstall"], check=True, capture_output=True, env=os.environ | {"DESTDIR": str(tmp_path)})
    assert installed(tmp_path) == {"etc/hatchery/hatchery.conf"}


@needs_build_folder
def test_the_image_gets_no_unit(tmp_path):
    meson_install(tmp_path, "--tags", "runtime")
    names = {path.rpartition("/")[2] for path in installed(tmp_path)}
    assert "hatchery" in names and "hatchery-collector" in names
    assert not [name for name in names if name.endswith((".service", ".socket", ".conf"))]
