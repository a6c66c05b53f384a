"""What the commands that try the whole program share: its processes, ports, and waiting with a limit."""
import contextlib
import json
import os
import pathlib
import resource
import socket
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
RELEASE = ROOT / ".build/release"
# The proxy that is tried; another build where a command is told one.
SLUICE = RELEASE / "sluice"


class Checks:
    """Collects what does not hold."""

    def __init__(self):
        self.failures = []

    def __call__(self, holds, what):
        print(("ok    " if holds else "FAIL  ") + what, flush=True)
        if not holds:
            self.failures.append(what)

    def verdict(self, name):
        print(f"{name}: {len(self.failures)} failed" if self.failures else f"{name}: all held")
        return 1 if self.failures else 0


def free_ports(count):
    """All held at once, so that they differ."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]


def wait_for(port, seconds=10):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise SystemExit(f"nothing listens on {port}")


def settles(value, wanted, seconds):
    """Whether `value()` comes to at most `wanted` in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value() <= wanted:
            return True
        time.sleep(0.1)
    return False


class Process:
    """A child that is ended with its block. What it says on standard error is in `said()`."""

    def __init__(self, argv, environment=None, descriptors=None):
        def limit():
            if descriptors:
                resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))

        self.log = tempfile.TemporaryFile("w+")
        self.child = subprocess.Popen(
            list(map(str, argv)), env={**os.environ, **(environment or {})}, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=self.log, preexec_fn=limit)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.is_running():
            self.child.terminate()
            try:
                self.child.wait(30)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        self.log.close()

    @property
    def pid(self):
        return self.child.pid

    def said(self):
        self.log.seek(0)
        return self.log.read()

    def is_running(self):
        return self.child.poll() is None

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self):
        self.child.kill()
        self.child.wait()

    def stop(self, seconds=30):
        """SIGTERM. Returns the exit code."""
        self.child.terminate()
        return self.child.wait(seconds)


def sluice(port, upstreams, descriptors=None, **settings):
    """The proxy, waited for."""
    environment = {
        "SLUICE_LISTEN": f"127.0.0.1:{port}",
        "SLUICE_UPSTREAMS": ",".join(f"127.0.0.1:{each}" for each in upstreams),
        "SLUICE_ACCESS_LOG": "off",
        "SLUICE_ADMIN_LISTEN": "off",
        **{f"SLUICE_{name}": str(value) for name, value in settings.items()},
    }
    process = Process([SLUICE], environment, descriptors)
    wait_for(port)
    return process


def origin(ports, *options):
    """Demo backends, waited for."""
    process = Process([RELEASE / "origin", "--ports", ",".join(map(str, ports)), "--quiet", *options])
    for port in ports:
        wait_for(port)
    return process


class Load:
    """The load generator in the background."""

    def __init__(self, url, *options, nice=0):
        """`nice`: how far it stands back for those whose time is measured."""
        self.child = subprocess.Popen(
            list(map(str, ["nice", "-n", nice, RELEASE / "loadtest", "--quiet", "--json", "-", *options, url])),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)

    def is_running(self):
        return self.child.poll() is None

    def report(self, seconds=120):
        """Waits for its end."""
        try:
            output, _ = self.child.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.communicate()
            raise SystemExit("the load generator did not end") from None
        if self.child.returncode != 0:
            raise SystemExit(f"the load generator ended with {self.child.returncode}")
        return json.loads(output)
