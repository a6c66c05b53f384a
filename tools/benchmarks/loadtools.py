"""The two load generators that the benchmark can use, and what they tell, alike."""
import json
import re
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent


class LoadFailed(Exception):
    pass


def finish(process, seconds):
    try:
        return process.communicate(timeout=seconds)[0]
    except subprocess.TimeoutExpired:
        raise LoadFailed("the load generator did not end") from None


class Loadtest:
    """tools/loadtest: checks every answer, and makes an open loop too."""
    name = "loadtest"

    def __init__(self, path, directory):
        self.path, self.directory = path, directory

    def command(self, url, connections, seconds, close=False, body=0, rate=None, resumes=True):
        argv = [self.path, "--quiet", "--threads", "1", "--connections", connections, "--duration", f"{seconds}s",
                "--timeout", "10s", "--expect-status", "200", "--json", "-"]
        argv += ["--no-keepalive"] if close else []
        argv += ["--insecure"] if url.startswith("https:") else []
        argv += [] if resumes else ["--no-resume"]
        argv += ["--rate", rate] if rate else []
        if body:
            file = self.directory / f"body-{body}"
            if not file.exists():
                file.write_bytes(b"x" * body)
            argv += ["--body-file", file]
        return [*argv, url]

    def figures(self, process, seconds):
        output = finish(process, seconds + 25)
        if process.returncode != 0:
            raise LoadFailed(f"loadtest: exit status {process.returncode}: {output[-300:]}")
        report = json.loads(output)
        figures = {"requests": report["answered"], "seconds": report["seconds"], "bytes": report["bytesReceived"],
                   "rps": report["requestsPerSecond"], "errors": report["errors"]}
        figures |= {f"{name}_us": report["latency"][name] * 1000 for name in ("p50", "p99", "p999")}
        if "lateness" in report:
            figures["late_p99_us"] = report["lateness"]["p99"] * 1000
            figures["late_max_us"] = report["lateness"]["max"] * 1000
        return figures


class Wrk:
    """The usual one, as a check on ours: it looks at no more than the status."""
    name = "wrk"

    def command(self, url, connections, seconds, close=False, body=0, rate=None, resumes=True):
        if rate:
            raise LoadFailed("wrk makes no open loop")
        argv = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", HERE / "wrk.lua"]
        argv += ["-H", "Connection: close"] if close else []
        return [*argv, url] + (["--", body] if body else [])

    def figures(self, process, seconds):
        output = finish(process, seconds + 15)
        result = re.search(r"^RESULT (.*)$", output, re.M)
        if not result:
            raise LoadFailed(f"wrk: {output[-300:]}")
        figures = json.loads(result[1])
        figures["rps"] = figures["requests"] / figures["seconds"]
        figures["errors"] = {kind: count for kind, count in figures["errors"].items() if count}
        return figures
