"""The client of ``docs/leaving-v1.md`` where things go wrong: refusals, streams that break, silent servers."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from tests.clients.node import require_packages
from tests.rest.leaving.page import PATH
from tests.rest.leaving.programs import blocks, run_python, run_typescript
from tests.rest.test_leaving import DOCUMENTED

pytestmark = pytest.mark.anyio

PAGE = PATH.read_text()
#: An answer: what is sent before the connection is closed; None if nothing is, and the connection stays open.
Sent = bytes | None


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def event(answer: object) -> bytes:
    return chunk(b"event: next\ndata: %b\n\n" % json.dumps(answer).encode())


def told(status: str) -> bytes:
    return event({"data": {"orderUpdated": {"id": "T3JkZXI6OQ==", "status": status}}})


def refusal(status: str, body: str) -> bytes:
    return f"HTTP/1.1 {status}\r\nConnection: close\r\n\r\n{body}".encode()


HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
END = chunk(b"event: complete\ndata: \n\n") + b"0\r\n\r\n"
PENDING = HEAD + chunk(b": ping\n\n") + told("PENDING")
COMPLETED = HEAD + told("COMPLETED") + END
EXPIRED = {"data": None, "errors": [{"message": "…", "extensions": {"code": "TOKEN_EXPIRED"}}]}
LIMITED = '{"errors": [{"message": "…", "extensions": {"code": "RATE_LIMITED", "retryAfter": 7}}]}'
UNFINISHED = "The stream ended before the order was final"
#: What a server answers to one attempt after another, and what a client prints that makes two at most.
CASES: dict[str, tuple[Sequence[Sent], Sequence[str]]] = {
    "final": ([COMPLETED], ["COMPLETED", "done"]),
    "broken within an event": (
        [PENDING + told("COMPLETED")[:40], COMPLETED],
        ["PENDING", "COMPLETED", "done"],
    ),
    "broken between two": ([PENDING, COMPLETED], ["PENDING", "COMPLETED", "done"]),
    "the server stops": ([PENDING + END, COMPLETED], ["PENDING", "COMPLETED", "done"]),
    "broken for good": ([PENDING, b""], ["PENDING", UNFINISHED]),
    "the token expires": ([PENDING + event(EXPIRED) + END], ["PENDING", "TOKEN_EXPIRED"]),
    "too much": ([refusal("429 Too Many Requests", LIMITED)], ["RATE_LIMITED 7"]),
    "a proxy": ([refusal("502 Bad Gateway", "<h1>Bad Gateway</h1>")], ["HTTP_502"]),
}
PYTHON = """
for case in range({count}):
    try:
        for news in follow(node_id("Order", 9), "token", 2):
            print(news["status"])
        print("done")
    except Refused as error:
        print(error.code, error.retry_after or "")
    except ConnectionError as error:
        print(error)
    print("--")
"""
TYPESCRIPT = """
for (let number = 0; number < {count}; number++) {{
  try {{
    for await (const news of follow(nodeId("Order", 9), "token", 2)) console.log(news.status);
    console.log("done");
  }} catch (error: any) {{
    console.log(error instanceof Refused ? `${{error.code}} ${{error.retryAfter ?? ""}}` : error.message);
  }}
  console.log("--");
}}
"""


@asynccontextmanager
async def answering(answers: Sequence[Sent]) -> AsyncIterator[str]:
    """Serve the answers, one for each connection, the last one also to all that follow; yields the address."""
    left = list(answers)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            await reader.readexactly(int(head.partition(b"content-length:")[2].split()[0]))
            sent = left.pop(0) if len(left) > 1 else left[0]
            if sent is None:
                await reader.read()  # until the client gives up
            else:
                writer.write(sent)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        yield f"http://{host}:{port}"


async def printed(
    language: str, folder: Path, answers: Sequence[Sent], count: int, patience: str
) -> list[str]:
    """Follow *count* orders with the page's client; return what it prints of each."""
    if language == "ts":
        require_packages()
    code = [block for block in blocks(PAGE, language) if "class Refused" in block or "attempts" in block]
    assert len(code) == 2
    run, program = (run_python, PYTHON) if language == "python" else (run_typescript, TYPESCRIPT)
    async with answering(answers) as address:
        text = "\n".join([*code, program.format(count=count)]).replace(DOCUMENTED, address)
        if patience:
            before, name, rest = text.partition("PATIENCE = ")
            assert name
            text = before + name + patience + rest.lstrip("0123456789_")
        output = await run(text, folder)
    return [part.strip() for part in output.split("--\n")[:-1]]


@pytest.mark.parametrize("language", ["python", "ts"])
async def test_an_order_is_followed_to_its_end_or_something_is_raised(language: str, tmp_path: Path) -> None:
    answers = [sent for sequence, _ in CASES.values() for sent in sequence]
    told = await printed(language, tmp_path, answers, len(CASES), "")
    assert dict(zip(CASES, told, strict=True)) == {
        name: "\n".join(lines) for name, (_, lines) in CASES.items()
    }


@pytest.mark.parametrize(("language", "patience"), [("python", "0.2"), ("ts", "200")])
async def test_a_silent_server_is_given_up(language: str, patience: str, tmp_path: Path) -> None:
    assert await printed(language, tmp_path, [None], 1, patience) == [UNFINISHED]
