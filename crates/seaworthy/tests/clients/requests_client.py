"""requests with a session: keep-alive, bodies, chunked uploads, redirects, cookies."""

import sys

import requests

base = sys.argv[1]
session = requests.Session()

answer = session.get(base + "/hello")
assert answer.status_code == 200 and answer.json()["method"] == "GET", answer.text
answer = session.post(base + "/digest", data=b"x" * 700_000)
assert answer.json()["sha"] == "700000", answer.text
answer = session.post(base + "/digest", data=iter([b"abc"] * 1000))
assert answer.json()["sha"] == "3000", answer.text
answer = session.get(base + "/redirect")
assert answer.status_code == 200 and answer.json()["target"] == "/hello", answer.text
assert answer.history[0].status_code == 302
answer = session.get(base + "/set-cookie")
answer = session.get(base + "/cookies")
assert answer.json()["cookie"] == "port=left", answer.text
answer = session.put(base + "/hello", data=b"")
assert answer.json()["method"] == "PUT", answer.text
answer = session.delete(base + "/hello")
assert answer.json()["method"] == "DELETE", answer.text
answer = session.get(base + "/empty")
assert answer.status_code == 204 and answer.content == b"", answer
answer = session.get(base + "/gzip")
assert answer.text == "squeezed", answer.content
print("ok")
