"""Builds a wheel from the source tree; the libraries have to be built first (make)."""
import os
import re
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.dist import Distribution
from wheel.bdist_wheel import bdist_wheel

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from stage import ROOT, copy_package  # noqa: E402

BUILD = Path(os.environ.get("PLUGINBRIDGE_BUILD", ROOT / "build"))


def version():
    """The version of the whole project."""
    return re.search(r"<VersionPrefix>(.+?)</", (ROOT / "Directory.Build.props").read_text()).group(1)


class BuildWithLibraries(build_py):
    """The package as it is staged: modules, libraries, models."""

    def run(self):
        try:
            copy_package(BUILD.resolve(), Path(self.build_lib).resolve() / "pluginbridge")
        except FileNotFoundError as error:
            raise SystemExit(f"pluginbridge: {error}") from None


class PlatformWheel(bdist_wheel):
    """Shared libraries, but no extension modules: any Python 3 on this platform."""

    def finalize_options(self):
        super().finalize_options()
        self.root_is_pure = False

    def get_tag(self):
        return "py3", "none", super().get_tag()[2]


class BinaryDistribution(Distribution):
    """Installs into platlib."""

    def has_ext_modules(self):
        return True


setup(version=version(), distclass=BinaryDistribution,
      cmdclass={"build_py": BuildWithLibraries, "bdist_wheel": PlatformWheel})
