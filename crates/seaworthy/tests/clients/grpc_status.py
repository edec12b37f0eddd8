"""Prints the status of one gRPC call, for a service that cannot answer."""

import sys

import grpc

try:
    grpc.insecure_channel(sys.argv[1]).unary_unary("/harbour.Pilot/Unary")(b"x", timeout=10)
    print("OK")
except grpc.RpcError as error:
    print(error.code().name)
