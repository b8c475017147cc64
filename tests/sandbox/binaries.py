"""Find the Kubernetes binaries that the sandbox runs, or build them once from Debian's source package.

Looked for in this order: ``KUBEBUILDER_ASSETS``, the cache, ``PATH``. What none of them has is built from the Debian
source package ``kubernetes`` (1.20.2, the whole tree with its vendor folder) with Debian's Go, and kept in the cache,
outside of any checkout. Only the standard library is used here: this runs before anything is installed.

    python3 tests/sandbox/binaries.py            prepare what is missing, print where each binary is
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

BUILT = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy")
"""Commands of the Kubernetes tree that Debian ships no binary of."""

BUILT_ALONG = ("kubemark",)
"""Kubernetes' own hollow node, which one test holds ours against: built where anything has to be built."""

PACKAGED = {"etcd": "etcd-server", "kubectl": "kubernetes-client"}
"""Commands that a Debian package carries: they are unpacked into the cache, nothing is installed for them."""

SYSTEM = {"ip": "iproute2", "iptables": "iptables", "conntrack": "conntrack"}
"""Commands of the machine that the network namespaces need."""

BUILD_TOOLS = {
    "go": "golang-go",
    "gcc": "gcc",
    "make": "make",
    "rsync": "rsync",
    "jq": "jq",
    "patch": "patch",
    "dpkg-source": "dpkg-dev",
    "which": "debianutils",
}
"""What the build needs: command and the Debian package that has it."""

KUBERNETES_VERSION = "v1.20.2"
"""Version that the built binaries report; it is what the Debian source package holds."""


_RECIPE = 2
"""Counts the changes of how the binaries are built."""


class PreparationError(Exception):
    """Something that the sandbox needs could not be had; the message says what and how else to get it."""


def cache_dir() -> Path:
    """Folder for everything that is prepared once per machine (``KUBESPHERE_CACHE`` moves it)."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kubesphere.multicluster"
    return Path(os.environ.get("KUBESPHERE_CACHE") or default)


def bin_dir() -> Path:
    """Folder of the cache that holds the binaries; a changed recipe makes a new one."""
    return cache_dir() / f"kubernetes-{KUBERNETES_VERSION}-{_RECIPE}"


def find(name: str) -> Path | None:
    """Path of a binary, or None where it has to be prepared first."""
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    folders = [Path(assets)] if assets else []
    folders.append(bin_dir())
    for folder in folders:
        if os.access(folder / name, os.X_OK):
            return folder / name
    # A kubectl of the machine may be many releases away from these servers, and Debian's etcd is made for root's PATH.
    on_path = shutil.which(name, path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin" + os.pathsep + "/sbin")
    return Path(on_path) if on_path else None


def require(name: str) -> Path:
    """Path of a binary.

    Raises:
        PreparationError: it is not there.
    """
    path = find(name)
    if path is None:
        raise PreparationError(
            f"{name} is not here: run 'make prepare', or set KUBEBUILDER_ASSETS to a folder that has it"
        )
    return path


def prepare(names: Iterable[str] = (*PACKAGED, *BUILT)) -> dict[str, Path]:
    """Make sure that every named binary is there, and return where each one is.

    A call that finds everything costs no process and no network. One that was interrupted goes on where it stopped.

    Raises:
        PreparationError: a step failed; the message has the step's last lines.
    """
    wanted = list(names)
    _install_commands(SYSTEM)
    missing = [name for name in wanted if find(name) is None]
    for name in missing:
        if name in PACKAGED:
            _unpack_package(PACKAGED[name], name)
    to_build = [name for name in missing if name not in PACKAGED]
    if to_build:
        _build([*to_build, *(name for name in BUILT_ALONG if name not in to_build and find(name) is None)])
    return {name: require(name) for name in wanted}


def say(text: str) -> None:
    """Show progress, on stderr so that a caller's stdout stays its own."""
    print(f"prepare: {text}", file=sys.stderr, flush=True)


def run_step(
    step: str, command: Sequence[str | Path], cwd: Path | None = None, env: dict[str, str] | None = None
) -> None:
    """Run one step with its output in a log of the cache; say how long it has been running, every 30 seconds."""
    logs = cache_dir() / "log"
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / (re.sub(r"\W+", "-", step) + ".log")
    started = time.monotonic()
    say(step)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(part) for part in command], cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        while True:
            try:
                code = process.wait(timeout=30)
                break
            except subprocess.TimeoutExpired:
                say(f"{step}: {time.monotonic() - started:.0f} s")
    if code:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise PreparationError(f"{step} failed (exit status {code}). Last lines of {log}:\n{tail}")


def _install_commands(commands: dict[str, str]) -> None:
    """Install the Debian packages of those commands that the machine does not have."""
    search = os.environ.get("PATH", "") + os.pathsep + "/usr/sbin" + os.pathsep + "/sbin"
    missing = {package for command, package in commands.items() if shutil.which(command, path=search) is None}
    install_packages(sorted(missing))


def install_packages(packages: Sequence[str]) -> None:
    """Install Debian packages.

    Raises:
        PreparationError: only root may, or apt-get failed.
    """
    if not packages:
        return
    listed = " ".join(packages)
    if os.geteuid() != 0:
        raise PreparationError(f"these Debian packages are missing: {listed}. Run: sudo apt-get install {listed}")
    _refresh_package_lists()
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run_step(f"install {listed}", ["apt-get", "install", "-y", "--no-install-recommends", *packages], env=env)


def _refresh_package_lists() -> None:
    """Run ``apt-get update`` where the lists are missing or older than a day."""
    lists = Path("/var/lib/apt/lists")
    fresh = any(time.time() - entry.stat().st_mtime < 86400 for entry in lists.glob("*_Packages*"))
    if not fresh:
        run_step("update the package lists", ["apt-get", "update"])


def _unpack_package(package: str, command: str) -> None:
    """Take one command out of a Debian package, without installing the package."""
    work = cache_dir() / "build" / package
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    # apt drops root's rights for a download and needs a folder that its own user may write to.
    work.chmod(0o755)
    if os.geteuid() == 0:
        _refresh_package_lists()
    run_step(f"download {package}", ["apt-get", "-o", "APT::Sandbox::User=root", "download", package], cwd=work)
    archive = next(work.glob("*.deb"))
    run_step(f"unpack {package}", ["dpkg-deb", "-x", archive, work / "root"])
    for folder in ("usr/bin", "bin", "usr/sbin"):
        if (work / "root" / folder / command).exists():
            _keep(work / "root" / folder / command)
            shutil.rmtree(work)
            return
    raise PreparationError(f"Debian's package {package} holds no {command}")


def _keep(binary: Path) -> None:
    """Put a finished binary into the cache in one step, so that half of one is never found."""
    bin_dir().mkdir(parents=True, exist_ok=True)
    partial = bin_dir() / f".{binary.name}.{os.getpid()}"
    shutil.copy2(binary, partial)
    partial.chmod(0o755)
    partial.rename(bin_dir() / binary.name)


def _build(names: Sequence[str]) -> None:
    """Build commands of Debian's Kubernetes source package.

    The tree's own Makefile is used, since it generates the OpenAPI code that a plain ``go build`` lacks.
    """
    if shutil.which("apt-get") is None:
        raise PreparationError(
            f"{', '.join(names)} not found and this is no Debian: set KUBEBUILDER_ASSETS to a folder that has them"
        )
    _install_commands(BUILD_TOOLS)
    work = cache_dir() / "build" / "kubernetes"
    tree = _source_tree(work)
    gopath = work / "gopath"
    linked = gopath / "src" / "k8s.io" / "kubernetes"
    linked.parent.mkdir(parents=True, exist_ok=True)
    if not linked.exists():
        linked.symlink_to(tree, target_is_directory=True)
    major, minor = KUBERNETES_VERSION.lstrip("v").split(".")[:2]
    version_file = work / "version.sh"
    version_file.write_text(
        f"KUBE_GIT_COMMIT='debian'\nKUBE_GIT_TREE_STATE='clean'\nKUBE_GIT_VERSION='{KUBERNETES_VERSION}'\n"
        f"KUBE_GIT_MAJOR='{major}'\nKUBE_GIT_MINOR='{minor}'\n"
    )
    env = {
        **os.environ,
        "CGO_ENABLED": "0",
        "GO111MODULE": "off",
        "GOFLAGS": "",
        "GOPATH": str(gopath),
        "GOCACHE": str(work / "gocache"),
        "KUBE_GIT_VERSION_FILE": str(version_file),
    }
    what = " ".join(f"cmd/{name}" for name in names)
    run_step(f"build {' '.join(names)} (minutes)", ["make", f"WHAT={what}"], cwd=linked, env=env)
    for name in names:
        _keep(tree / "_output" / "bin" / name)
    shutil.rmtree(work)


def _source_tree(work: Path) -> Path:
    """The patched source tree; fetched and patched on the first call, found on the next."""
    tree = work / "source"
    if tree.is_dir():
        return tree
    download = work / "download"
    shutil.rmtree(download, ignore_errors=True)
    (download / "lists" / "partial").mkdir(parents=True)
    sources = download / "sources.list"
    sources.write_text("\n".join(_source_lines()) + "\n")
    apt = [
        "apt-get",
        *("-o", f"Dir::Etc::SourceList={sources}", "-o", "Dir::Etc::SourceParts=/dev/null"),
        *("-o", f"Dir::State::Lists={download / 'lists'}", "-o", "APT::Sandbox::User=root"),
    ]
    run_step("update the source lists", [*apt, "update"])
    run_step("download the Kubernetes source (34 MB)", [*apt, "source", "--download-only", "kubernetes"], cwd=download)
    description = next(download.glob("kubernetes_*.dsc"))
    unpacked = work / "unpacked"
    shutil.rmtree(unpacked, ignore_errors=True)
    # dpkg-source applies the package's own patches while it unpacks.
    run_step("unpack the Kubernetes source", ["dpkg-source", "--no-check", "-x", description, unpacked])
    _replace_reflect2(unpacked / "vendor" / "github.com" / "modern-go" / "reflect2", download)
    _accept_empty_strings(unpacked / "vendor/k8s.io/kube-openapi/pkg/validation/validate/type.go")
    unpacked.rename(tree)
    shutil.rmtree(download)
    return tree


def _replace_reflect2(vendored: Path, download: Path) -> None:
    """Put Debian's reflect2 1.0.2 in place of the vendored 1.0.1.

    1.0.1 reads the runtime's map iterator by its old layout: under Go 1.18 and later the API server dies at the first
    CRD.
    """
    package = "golang-github-modern-go-reflect2-dev"
    run_step(f"download {package}", ["apt-get", "-o", "APT::Sandbox::User=root", "download", package], cwd=download)
    run_step(f"unpack {package}", ["dpkg-deb", "-x", next(download.glob(f"{package}_*.deb")), download / "reflect2"])
    shutil.rmtree(vendored)
    shutil.copytree(download / "reflect2/usr/share/gocode/src/github.com/modern-go/reflect2", vendored)
    (vendored / "go.mod").unlink(missing_ok=True)


def _accept_empty_strings(file: Path) -> None:
    """Have custom resources validated as Kubernetes' own builds do it.

    The code asks whether a value is its type's zero value by comparing addresses. That was never so under the Go 1.15
    that Kubernetes 1.20 was made with; from 1.16 on all empty strings share one address, and an API server refuses
    every empty string in a typed field as if it were null.
    """
    condition = "data == nil || reflect.DeepEqual(reflect.Zero(reflect.TypeOf(data)), reflect.ValueOf(data))"
    text = file.read_text()
    if condition not in text:
        raise PreparationError(f"{file.name} of kube-openapi is not the one that this recipe knows")
    file.write_text(text.replace(condition, "data == nil"))


def _source_lines() -> list[str]:
    """``deb-src`` lines for the archives that this machine takes its Debian packages from."""
    lines: list[str] = []
    etc = Path("/etc/apt")
    for file in [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*.list"))]:
        if file.exists():
            for line in file.read_text().splitlines():
                match = re.match(r"deb\s+(\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+(.*\bmain\b.*)$", line.strip())
                if match and "debian" in match[2]:
                    lines.append(f"deb-src {match[1] or ''}{match[2]} {match[3]} main")
    for file in sorted((etc / "sources.list.d").glob("*.sources")):
        for stanza in re.split(r"\n\s*\n", file.read_text()):
            fields = dict(re.findall(r"^([A-Za-z-]+):[ \t]*(.*)$", stanza, flags=re.MULTILINE))
            if "main" not in fields.get("Components", "").split() or "debian" not in fields.get("URIs", ""):
                continue
            signed = f"[signed-by={fields['Signed-By']}] " if fields.get("Signed-By") else ""
            lines += [
                f"deb-src {signed}{uri} {suite} main"
                for uri in fields["URIs"].split()
                for suite in fields["Suites"].split()
            ]
    if not lines:
        raise PreparationError(
            "no Debian archive in /etc/apt: set KUBEBUILDER_ASSETS to a folder with the Kubernetes binaries"
        )
    return lines


def main() -> int:
    """Prepare what is named on the command line, or everything that a cluster needs."""
    try:
        for name, path in prepare(sys.argv[1:] or (*PACKAGED, *BUILT)).items():
            print(f"{name:26} {path}")
    except PreparationError as error:
        print(f"prepare: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
