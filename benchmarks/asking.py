"""Single requests to a server that is up, outside of any measurement."""

from dataclasses import dataclass
from http.client import HTTPConnection

from benchmarks.answers import AnswersDiffer
from benchmarks.product import ServiceError
from benchmarks.servers import Running


@dataclass(frozen=True)
class Answer:
    """What came back; the names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


def ask(one: Running, request: str) -> Answer:
    """Send a request as :mod:`benchmarks.workloads` writes them.

    Raises:
        ServiceError: there is no answer.
    """
    head, _, body = request.partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    method, target, _ = first.split(" ")
    connection = HTTPConnection("127.0.0.1", one.port, timeout=60)
    try:
        connection.request(method, target, body.encode() or None, dict(line.split(": ", 1) for line in lines))
        answer = connection.getresponse()
        content = answer.read()
    except OSError as error:
        one.check()
        raise ServiceError(f"{one.server.name} does not answer: {error}") from None
    finally:
        connection.close()
    headers = {name.lower(): value for name, value in answer.getheaders()}
    return Answer(answer.status, headers, content)


def ask_well(one: Running, request: str) -> bytes:
    """Send a request and return the body of its answer.

    Raises:
        ServiceError: there is no answer.
        AnswersDiffer: its status is not 200.
    """
    answer = ask(one, request)
    if answer.status != 200:
        raise AnswersDiffer(f"{one.server.name} answers {answer.status}: {answer.body[:300]!r}")
    return answer.body
