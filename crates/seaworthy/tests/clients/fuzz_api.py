"""Calls every operation of the control API with what schemathesis makes of its document: fuzz_api.py URL [TOKEN_FILE].

With a token: nothing may be an error of the server, and nothing may break off. Without: nothing may succeed but what
the document says is public. The token comes in a file, since command lines are seen by everybody on the machine.
Says that it is under way, and at last how many calls were made, and everything that is wrong, as JSON.
"""

import json
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

# read-only outcomes: an export of everything, and pages that follow an endless stream
LEFT_OUT = ["/api/v1/audit/export", "/api/v1/dead-letters/export"]
SEED = "20250701"


def document(url, token, folder):
    """The API's document, and the operations that ask for nothing."""
    with urllib.request.urlopen(f"{url}/api/v1/openapi.json", timeout=10) as answer:
        text = json.load(answer)
    public = set()
    for path, item in text["paths"].items():
        for method, operation in item.items():
            if isinstance(operation, dict) and operation.get("x-permission") == "public":
                public.add((method.upper(), path))
    file = folder / "openapi.json"
    file.write_text(json.dumps(text))
    return file, public


def run(url, token, folder, examples, phases):
    file, public = document(url, token, folder)
    config = folder / "schemathesis.toml"
    config.write_text(f'[headers]\nAuthorization = "Bearer {token}"\n' if token else "")
    config.chmod(0o600)
    report = folder / "report.ndjson"
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run", str(file)]
    command += ["--url", url, "--seed", SEED, "--max-examples", str(examples), "--phases", phases]
    command += ["--checks", "not_a_server_error", "--workers", "2", "--no-shrink", "--continue-on-failure"]
    command += ["--request-timeout", "15", "--suppress-health-check", "all", "--warnings", "off"]
    command += ["--report", "har", "--report-har-path", str(report), "--generation-database", "none"]
    for path in LEFT_OUT:
        command += ["--exclude-path", path]
    with open(folder / "told", "w+") as told:
        running = subprocess.Popen(command, cwd=folder, stdout=told, stderr=told)
        while running.poll() is None:
            try:
                running.wait(timeout=3)
            except subprocess.TimeoutExpired:
                print("under way", flush=True)
        told.seek(0)
        return running.returncode, told.read(), report, public


def main():
    url = sys.argv[1]
    token = Path(sys.argv[2]).read_text().strip() if len(sys.argv) > 2 else None
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        code, told, report, public = run(url, token, folder, *((2, "coverage,fuzzing") if token else (4, "fuzzing")))
        if not report.exists():
            sys.exit(f"schemathesis made no report\n{told[-4000:]}")
        entries = json.loads(report.read_text())["log"]["entries"]
    open_paths = {path for _, path in public} | {"/api/v1/openapi.json"}
    wrong, statuses = [], {}
    for entry in entries:
        status = entry["response"]["status"]
        request = entry["request"]
        statuses[status] = statuses.get(status, 0) + 1
        path = request["url"].removeprefix(url).split("?")[0]
        shown = f"{request['method']} {request['url'][:200]}: {status}"
        if status >= 500 and status != 503 or status < 100:
            wrong.append(f"{shown} {json.dumps(request.get('postData', {}))[:500]}")
        if not token and 200 <= status < 300 and path not in open_paths:
            wrong.append(f"{shown} without a credential")
    if code not in (0, 1):
        wrong.append(f"schemathesis ended with {code}: {told[-3000:]}")
    print(json.dumps({"calls": len(entries), "statuses": statuses, "wrong": wrong[:40]}))


main()
