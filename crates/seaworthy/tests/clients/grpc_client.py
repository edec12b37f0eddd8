"""Calls every kind of gRPC method through the gateway and checks messages, metadata, trailers and statuses."""

import sys
import time

import grpc

channel = grpc.insecure_channel(sys.argv[1])

unary = channel.unary_unary("/harbour.Pilot/Unary")
answer, call = unary.with_call(b"hello", metadata=(("x-call", "7"),), timeout=10)
assert answer == b"echo:hello", answer
assert dict(call.initial_metadata()).get("x-greeting") == "ahoy", call.initial_metadata()
trailers = dict(call.trailing_metadata())
assert trailers.get("x-trailer") == "last" and trailers.get("x-seen") == "7", trailers
assert call.code() == grpc.StatusCode.OK

large = b"x" * 3_000_000
answer = unary(large, timeout=10)
assert answer == b"echo:" + large, len(answer)

call = channel.unary_stream("/harbour.Pilot/Stream")(b"1000", timeout=10)
items = list(call)
assert items == [b"item %d" % n for n in range(1000)], len(items)
assert dict(call.trailing_metadata()).get("x-count") == "1000", call.trailing_metadata()

try:
    channel.unary_unary("/harbour.Pilot/Fail")(b"", timeout=10)
    raise SystemExit("the failing call did not fail")
except grpc.RpcError as error:
    assert error.code() == grpc.StatusCode.FAILED_PRECONDITION, error
    assert error.details() == "no cargo", error
    assert dict(error.trailing_metadata()).get("x-why") == "empty hold", error.trailing_metadata()

try:
    channel.unary_unary("/harbour.Pilot/Nothing")(b"", timeout=10)
    raise SystemExit("a method that is not there answered")
except grpc.RpcError as error:
    assert error.code() == grpc.StatusCode.UNIMPLEMENTED, error

total = channel.stream_unary("/harbour.Pilot/Upload")(iter([b"abc"] * 100), timeout=10)
assert total == b"300", total


def turns():
    """Each message is sent only after the answer to the one before: nothing may wait for the end of the stream."""
    for word in (b"one", b"two", b"three"):
        started = time.monotonic()
        while len(heard) < len(said):
            assert time.monotonic() - started < 10, "no answer while the stream is open"
            time.sleep(0.001)
        said.append(word)
        yield word


said, heard = [], []
for reply in channel.stream_stream("/harbour.Pilot/Chat")(turns(), timeout=20):
    heard.append(reply)
assert heard == [b"re:one", b"re:two", b"re:three"], heard
print("ok")
