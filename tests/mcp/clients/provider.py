"""A provider of models, of our own: it answers the agent with the steps of a script, one after the other."""

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


class Call(NamedTuple):
    """A call of a tool, as a step of a script."""

    name: str
    arguments: Mapping[str, object]


class Provider:
    """The script, and what the agent asked: each request has all messages before it."""

    def __init__(self, script: Sequence[Call | str]) -> None:
        self.script, self.asked = script, list[dict[str, Any]]()

    def message(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the next message of the model."""
        if not request.get("tools"):  # a title, or a question about the model
            return {"role": "assistant", "content": "A title"}
        self.asked.append(request)
        said = sum(each["role"] == "assistant" for each in request["messages"])
        step = self.script[min(said, len(self.script) - 1)]
        if isinstance(step, str):
            return {"role": "assistant", "content": step}
        function = {"name": step.name, "arguments": json.dumps(step.arguments)}
        call = {"index": 0, "id": f"call_{len(self.asked)}", "type": "function", "function": function}
        return {"role": "assistant", "content": None, "tool_calls": [call]}

    @property
    def results(self) -> list[str]:
        """What the tools answered, in order, as the agent gave it to the model."""
        return [each["content"] for each in self.asked[-1]["messages"] if each["role"] == "tool"]

    @property
    def tools(self) -> list[str]:
        """The names of the tools that the model was offered."""
        return [each["function"]["name"] for each in self.asked[0]["tools"]]


@contextmanager
def serving(provider: Provider) -> Iterator[str]:
    """Serve a provider on a port of this machine, and give out its address."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            self.answer({"object": "list", "data": [{"id": "stub", "object": "model"}]})

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if "messages" not in request:
                self.send_error(404)
                return
            message = provider.message(request)
            reason = "tool_calls" if "tool_calls" in message else "stop"
            answer = {"id": "1", "created": 1, "model": "stub"}
            if not request.get("stream"):
                choice = {"index": 0, "message": message, "finish_reason": reason}
                self.answer({**answer, "object": "chat.completion", "choices": [choice], "usage": USAGE})
                return
            first = {"index": 0, "delta": message, "finish_reason": None}
            last = {"index": 0, "delta": {}, "finish_reason": reason}
            answer["object"] = "chat.completion.chunk"
            self.begin("text/event-stream")
            for chunk in ({"choices": [first]}, {"choices": [last], "usage": USAGE}):
                self.wfile.write(b"data: " + json.dumps({**answer, **chunk}).encode() + b"\n\n")
            self.wfile.write(b"data: [DONE]\n\n")

        def answer(self, body: object) -> None:
            self.begin("application/json")
            self.wfile.write(json.dumps(body).encode())

        def begin(self, content_type: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.end_headers()

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1"
        finally:
            server.shutdown()
            thread.join()
