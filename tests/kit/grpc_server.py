"""A gRPC server without a schema: messages are bytes. Prints its port, and ends when its input does."""

import sys
from concurrent import futures

import grpc


def unary(request, context):
    context.set_trailing_metadata((("x-seen", str(len(request))),))
    return b"one:" + request


def stream(request, context):
    context.send_initial_metadata((("x-begun", "yes"),))
    for number in range(3):
        yield b"%d:" % number + request
    context.set_trailing_metadata((("x-count", "3"),))


def failure(request, context):
    context.abort(grpc.StatusCode.NOT_FOUND, "nothing is here")


class Handlers(grpc.GenericRpcHandler):
    def service(self, details):
        return {
            "/echo.Echo/Unary": grpc.unary_unary_rpc_method_handler(unary),
            "/echo.Echo/Stream": grpc.unary_stream_rpc_method_handler(stream),
            "/echo.Echo/Failure": grpc.unary_unary_rpc_method_handler(failure),
        }.get(details.method)


server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
server.add_generic_rpc_handlers((Handlers(),))
if len(sys.argv) > 1:
    with open(sys.argv[1], "rb") as certificate, open(sys.argv[2], "rb") as key:
        credentials = grpc.ssl_server_credentials([(key.read(), certificate.read())])
    port = server.add_secure_port("127.0.0.1:0", credentials)
else:
    port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(port, flush=True)
sys.stdin.read()
server.stop(None)
