"""A JupyterLab of its own on this machine, and a page in Chromium that runs notebooks in it."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
         "--disable-background-networking", "--disable-component-update"]  # fmt: skip
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "notebook-extension/tracker": {"windowingMode": "none"},
}
OLD_WIDGETS = Path(sys.prefix) / "ipywidgets-7.7.1"  # `make` puts it there
# Noise of the front-end itself: pages that are closed, and Lab's own look at what it may not have.
HARMLESS = ("reading 'Queue'", "favicon", "Failed to load resource", "WebSocket", "React", "DevTools")


@contextlib.contextmanager
def lab_server(root, *, old_widgets=False, kernel_python=None):
    """JupyterLab in folders below `root`; yields a `Lab`."""
    work = root / "notebooks"
    work.mkdir(parents=True)
    env = _environment(root, old_widgets, kernel_python)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1",
               f"--port={port}", "--ServerApp.port_retries=0", "--IdentityProvider.token=",
               "--ServerApp.password=", f"--ServerApp.root_dir={work}", "--LabApp.expose_app_in_browser=True",
               "--LabApp.extension_manager=readonly"]  # fmt: skip
    with open(root / "server.log", "w") as log:
        process = subprocess.Popen(command, env=env, cwd=work, stdout=log, stderr=subprocess.STDOUT)
    try:
        base = f"http://127.0.0.1:{port}"
        _wait(lambda: _answers(base, process, root), "JupyterLab did not start")
        yield Lab(base, work)
    finally:
        process.terminate()
        process.wait(20)


@contextlib.contextmanager
def ran_notebook(root, browser, version, *cells):
    """A page of JupyterLab on that version of ipywidgets, "8" or "7.7.1", with a notebook whose cells were run.

    Its `errors` are those of the page's console, its `version` is that of ipywidgets.
    """
    if version == "7.7.1" and not OLD_WIDGETS.is_dir():
        pytest.skip("ipywidgets 7.7.1 is not there; `make test-browser` puts it there")
    with (
        lab_server(root, old_widgets=version == "7.7.1") as lab,
        browser.new_context(viewport={"width": 1200, "height": 1300}) as context,
    ):
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        code = [nbformat.v4.new_code_cell(cell) for cell in cells]
        notebook = nbformat.v4.new_notebook(cells=code, metadata={"kernelspec": kernel})
        nbformat.write(notebook, lab.work / "cells.ipynb")
        page = context.new_page()
        page.errors, page.version = [], version
        page.on("console", lambda m: m.type == "error" and page.errors.append(m.text))
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        lab.open(page, "cells.ipynb")
        lab.run_all(page)
        yield page


class Lab:
    """A running JupyterLab; `work` is the folder that it shows."""

    def __init__(self, base, work):
        self.base, self.work = base, work

    def open(self, page, notebook):
        """Show a notebook and wait until its kernel listens."""
        page.goto(f"{self.base}/doc/tree/{notebook}?reset")
        page.locator(".jp-Notebook").wait_for(timeout=60_000)
        _wait(lambda: self.idle(notebook), "the kernel did not start")

    def run_all(self, page):
        """Run all cells without waiting for them."""
        page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")

    def idle(self, notebook):
        """Whether the notebook's kernel is connected and has nothing to do."""
        sessions = json.load(urllib.request.urlopen(f"{self.base}/api/sessions"))
        kernels = [s["kernel"] for s in sessions if s["path"] == notebook]
        return any(k["execution_state"] == "idle" and k["connections"] >= 1 for k in kernels)


def _environment(root, old_widgets, kernel_python):
    folders = {name: root / name.lower() for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR",
               "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")}  # fmt: skip
    for name, content in SETTINGS.items():
        path = folders["JUPYTERLAB_SETTINGS_DIR"] / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    env = {**os.environ, **{name: str(folder) for name, folder in folders.items()}}
    paths = [str(Path(__file__).parents[2])]
    if old_widgets:
        env["JUPYTER_PATH"] = str(OLD_WIDGETS / "share" / "jupyter")
        paths = [*paths, str(OLD_WIDGETS)] if kernel_python is None else paths
    env["PYTHONPATH"] = os.pathsep.join(paths)
    if kernel_python:
        first = root / "first"  # before the kernel of the environment that JupyterLab is in
        env["JUPYTER_PATH"] = os.pathsep.join([str(first), env.get("JUPYTER_PATH", "")])
        spec = first / "kernels" / "python3" / "kernel.json"
        spec.parent.mkdir(parents=True)
        argv = [str(kernel_python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        spec.write_text(json.dumps({"argv": argv, "display_name": "Python 3", "language": "python"}))
    return env


def _answers(base, process, root):
    assert process.poll() is None, (root / "server.log").read_text()
    try:
        urllib.request.urlopen(f"{base}/api", timeout=1)
    except OSError:
        return False
    return True


def _wait(done, otherwise, timeout=60):
    end = time.monotonic() + timeout
    while not done():
        assert time.monotonic() < end, otherwise
        time.sleep(0.1)
