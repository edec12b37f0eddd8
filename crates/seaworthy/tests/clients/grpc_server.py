"""A gRPC service without generated code: bytes in, bytes out. Prints its port, then serves until it is killed."""

from concurrent import futures

import grpc


def unary(request, context):
    context.send_initial_metadata((("x-greeting", "ahoy"),))
    context.set_trailing_metadata((("x-trailer", "last"), ("x-seen", dict(context.invocation_metadata()).get("x-call", ""))))
    return b"echo:" + request


def stream(request, context):
    for number in range(int(request)):
        yield b"item %d" % number
    context.set_trailing_metadata((("x-count", request.decode()),))


def fail(request, context):
    context.set_trailing_metadata((("x-why", "empty hold"),))
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, "no cargo")


def upload(requests, context):
    return b"%d" % sum(len(request) for request in requests)


def chat(requests, context):
    for request in requests:
        yield b"re:" + request


server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
handlers = {
    "Unary": grpc.unary_unary_rpc_method_handler(unary),
    "Stream": grpc.unary_stream_rpc_method_handler(stream),
    "Fail": grpc.unary_unary_rpc_method_handler(fail),
    "Upload": grpc.stream_unary_rpc_method_handler(upload),
    "Chat": grpc.stream_stream_rpc_method_handler(chat),
}
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("harbour.Pilot", handlers),))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(port, flush=True)
server.wait_for_termination()
