"""A WebSocket service. Prints its port, then serves until it is killed."""

import asyncio

import websockets
from websockets.asyncio.server import serve


async def handle(socket):
    path = socket.request.path
    if path == "/goodbye":
        await socket.close(4001, "enough")
        return
    try:
        async for message in socket:
            await socket.send(message)
    except websockets.ConnectionClosed:
        pass
    print("closed", socket.close_code, socket.close_reason, flush=True)


def decide(connection, request):
    if request.path == "/refused":
        return connection.respond(403, "not you\n")
    return None


def choose(connection, offered):
    return "cargo" if "cargo" in offered else None


async def main():
    settings = {"select_subprotocol": choose, "max_size": None, "process_request": decide}
    async with serve(handle, "127.0.0.1", 0, **settings) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().create_future()


asyncio.run(main())
