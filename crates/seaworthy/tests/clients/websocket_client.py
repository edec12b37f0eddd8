"""Text, binary, large and fragmented messages, pings, subprotocol and close codes over a WebSocket."""

import asyncio
import os
import sys

import websockets
from websockets.asyncio.client import connect

base = sys.argv[1]


async def main():
    async with connect(base + "/echo", subprotocols=["cargo"], max_size=None) as socket:
        assert socket.subprotocol == "cargo", socket.subprotocol
        for message in ("ahoy", "", "größer", b"\x00\xff" * 10, os.urandom(5_000_000)):
            await socket.send(message)
            assert await socket.recv() == message, "a message came back changed"
        await socket.send(["in ", "three ", "parts"])
        assert await socket.recv() == "in three parts"
        await (await socket.ping(b"there?"))
        for number in range(500):
            await socket.send(str(number))
        for number in range(500):
            assert await socket.recv() == str(number)
        await socket.close(4321, "done here")
    assert (socket.close_code, socket.close_reason) == (4321, "done here")

    async with connect(base + "/goodbye") as socket:
        try:
            await socket.recv()
            raise SystemExit("the server did not close")
        except websockets.ConnectionClosed as closed:
            assert (closed.rcvd.code, closed.rcvd.reason) == (4001, "enough"), closed

    try:
        async with connect(base + "/refused"):
            raise SystemExit("the refused handshake was accepted")
    except websockets.InvalidStatus as error:
        assert error.response.status_code == 403, error
        assert error.response.body == b"not you\n", error.response.body


asyncio.run(main())
print("ok")
