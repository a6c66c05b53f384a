"""The inputs of Tests/ConformanceTests/Fixtures, for tools/fuzz/run and tools/fuzz/differential.

As a program it writes them as seeds: fixtures.py FOLDER makes FOLDER/FuzzRequestHead/0 and so on.
"""
import pathlib
import re
import sys

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "Tests" / "ConformanceTests" / "Fixtures"
NAMED = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"0": b"\0", b"\\": b"\\"}
ESCAPE = re.compile(rb"\\(?:x([0-9A-Fa-f]{2})|\{([^}]*)\*([0-9]+)\}|(.))", re.DOTALL)


def decode(text):
    """The bytes that `text` stands for: the notation of Tests/Support/FixtureEscapes.swift."""

    def one(match):
        if match[1]:
            return bytes([int(match[1], 16)])
        if match[3]:
            return decode(match[2]) * int(match[3])
        return NAMED[match[4]]

    return ESCAPE.sub(one, text)


def read(name):
    """The inputs of one table, in their order."""
    cases = []
    for line in (FOLDER / name).read_bytes().split(b"\n"):
        if line.startswith(b"=== "):
            cases.append(b"")
        elif line.startswith(b"> "):
            cases[-1] += decode(line[2:])
    return cases


def requests():
    return read("requests-accepted.txt") + read("requests-refused.txt")


def responses():
    return read("responses-accepted.txt") + read("responses-refused.txt")


def chunked(messages):
    """What follows the heads of messages that have a transfer coding."""
    for message in messages:
        head, _, body = message.partition(b"\r\n\r\n")
        if body and b"transfer-encoding" in head.lower():
            yield body


def cached():
    """Heads of answers with fields that only caches read."""
    lines = [
        b"Cache-Control: public, max-age=60, s-maxage=\"5\", stale-while-revalidate=1, stale-if-error=2",
        b"Cache-Control: no-cache=\"a, b\", private=\"c\", must-understand, no-store, must-revalidate",
        b"CDN-Cache-Control: max-age=60;x=?1, y=\"z\\\"\", k=1.5, t=tok",
        b"Expires: Sun, 06 Nov 1994 08:49:37 GMT\r\nDate: Sunday, 06-Nov-94 08:49:37 GMT",
        b"Last-Modified: Sun Nov  6 08:49:37 1994\r\nAge: 5, 6\r\nETag: W/\"x\"",
        b"Cache-Control: max-age=9\r\nVary: Accept-Language, X-A\r\nAccept-Language: en, de;q=0.5",
        b"Cache-Control: max-age=9\r\nCache-Groups: \"a\", \"b\";c=1\r\nRange: bytes=0-1, 5-, -3",
    ]
    return [b"HTTP/1.1 200 OK\r\n" + line + b"\r\n\r\n" for line in lines]


def jobs():
    """Requests that are made afterwards, URLs, and a batch."""
    whole = (
        b'{"external_url":"https://Example.com:8443/a b?c=\xc3\xa9#d","rest_method":"post","request_headers":{"X-A":"b",'
        b'"X-N":5,"X-L":["c","d"]},"request_body":{"n":[1,2.5e3,null,true],"s":"\\u00e9\\ud83d\\ude00"},'
        b'"request_ttl":2.5,"retry":{"max_attempts":5,"backoff":"fixed","initial":"1s","max":"1h",'
        b'"on":["connect","timeout","5xx","429"]},"delay":"5m","callback_url":"http://a.test/",'
        b'"failure_callback_url":"http://b.test/","ordering_key":"k"}')
    plain = b'{"external_url":"http://8.8.8.8/","request_body_base64":"AAEC","not_before":"2026-12-01T00:00:00.5Z"}'
    return [whole, plain, b"[" + plain + b"," + plain + b"]", plain + b"\n" + plain, b"http://[2606:4700::1111]:81/x?y",
            b"https://a_b.example.com./%2e%2e/?q"]


def write_seeds(folder):
    # Two bytes steer the check (FuzzInput.swift): zero for the limits of production, then a seed.
    tables = {
        "FuzzRequestHead": requests(),
        "FuzzResponseHead": responses(),
        "FuzzRoutes": requests(),
        "FuzzCache": cached() + responses(),
        "FuzzJobs": jobs(),
        "FuzzChunked": list(chunked(requests() + responses())),
    }
    for target, messages in tables.items():
        (folder / target).mkdir(parents=True, exist_ok=True)
        for number, message in enumerate(messages):
            for limit in (b"\0", b"\x30"):
                steering = limit + bytes([number % 5])
                (folder / target / f"{number}-{limit[0]}").write_bytes(steering + message)


if __name__ == "__main__":
    write_seeds(pathlib.Path(sys.argv[1]))
