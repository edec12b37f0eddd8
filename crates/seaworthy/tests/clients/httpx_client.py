"""httpx over HTTP/1.1 and over HTTP/2 by prior knowledge: bodies both ways, streams, many at once."""

import asyncio
import hashlib
import sys

import httpx

base, version = sys.argv[1], sys.argv[2]
flags = {"http1": version == "1", "http2": version == "2"}
blob = bytes(range(256)) * 8_000


async def chunks():
    for start in range(0, len(blob), 50_000):
        yield blob[start : start + 50_000]


async def main():
    async with httpx.AsyncClient(base_url=base, timeout=15, **flags) as client:
        answer = await client.get("/hello", params={"q": "ä b&c"})
        assert answer.status_code == 200, answer
        assert answer.http_version == ("HTTP/2" if version == "2" else "HTTP/1.1"), answer.http_version
        assert answer.json()["target"] == "/hello?q=%C3%A4+b%26c", answer.json()

        answer = await client.post("/digest", content=blob)
        assert answer.json()["sha"] == str(len(blob)), answer.json()
        answer = await client.post("/digest", content=chunks())
        assert answer.json()["sha"] == str(len(blob)), answer.json()

        # HTTP/2 clients may send a cookie in crumbs; HTTP/1.1 services expect one header (RFC 9113 §8.2.3)
        cookies = [("cookie", "a=1"), ("cookie", "b=2")]
        answer = await client.get("/cookies", headers=cookies)
        assert answer.json()["cookie"] == "a=1; b=2", answer.json()

        async with client.stream("GET", "/blob") as answer:
            digest = hashlib.sha256()
            async for part in answer.aiter_bytes():
                digest.update(part)
        assert digest.hexdigest() == hashlib.sha256(blob).hexdigest()

        answers = await asyncio.gather(*(client.get(f"/many?n={n}") for n in range(200)))
        for number, answer in enumerate(answers):
            assert answer.status_code == 200 and answer.json()["target"] == f"/many?n={number}", answer

        answer = await client.head("/blob")
        assert answer.status_code == 200 and answer.content == b"", answer
        assert answer.headers["content-length"] == str(len(blob)), answer.headers


asyncio.run(main())
print("ok")
